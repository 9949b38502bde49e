"""The `stembus` command: one group, its commands in files by who uses them."""

from __future__ import annotations

import click

from stembus.scripts.cli.archive import archive
from stembus.scripts.cli.audit import show, verify_command
from stembus.scripts.cli.backup import backup, restore
from stembus.scripts.cli.board import board
from stembus.scripts.cli.client import client
from stembus.scripts.cli.desk import desk
from stembus.scripts.cli.doctor import doctor
from stembus.scripts.cli.exchange import publish, submit
from stembus.scripts.cli.guide import guide
from stembus.scripts.cli.judge import judge
from stembus.scripts.cli.keys import key
from stembus.scripts.cli.letter import letter
from stembus.scripts.cli.letters import letters
from stembus.scripts.cli.log import log
from stembus.scripts.cli.minutes import minutes
from stembus.scripts.cli.monitor import monitor
from stembus.scripts.cli.office import (
    abandon,
    cancel,
    close,
    incident,
    open_command,
    seal,
    tally,
)
from stembus.scripts.cli.officer import officer
from stembus.scripts.cli.pabulib import pabulib
from stembus.scripts.cli.paper import paper, paper_root_command
from stembus.scripts.cli.purge import purge
from stembus.scripts.cli.roll import credentials, roll
from stembus.scripts.cli.sample import drawn, sample
from stembus.scripts.cli.serve import serve
from stembus.scripts.cli.services import box, registrar, services
from stembus.scripts.cli.setup import check, define, new
from stembus.scripts.cli.status import status
from stembus.scripts.cli.texts import texts
from stembus.scripts.cli.theme import theme
from stembus.scripts.cli.track import track
from stembus.scripts.cli.trustee import trustee
from stembus.scripts.cli.voter import rebuild, vote
from stembus.scripts.cli.witness import witness
from stembus.scripts.rehearsal.demo import demo
from stembus.scripts.shell import CalmGroup


@click.group(cls=CalmGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stembus")
def main() -> None:
    """A referendum whose count anyone can verify: ballots without names, encrypted votes, a public log.

    \b
    Try it:      stembus demo --voters 300 --eligible 2000
    Check one:   stembus verify PLACE --referendum ID
    """


for command in (
    new, check, key, define, roll, credentials, trustee, open_command, status, vote, track, rebuild, seal, paper,
    paper_root_command, incident, close, cancel, tally, publish, submit, verify_command, show, demo, serve, client,
    abandon, sample, drawn, minutes, purge, desk, services, box, registrar, log, doctor, backup, restore, pabulib,
    theme, witness, letter, letters, monitor, judge, board, officer, archive, texts, guide,
):  # fmt: skip
    main.add_command(command)

if __name__ == "__main__":
    main()

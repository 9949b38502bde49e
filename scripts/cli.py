"""The `stembus` command: one group, its commands in files by who uses them."""

from __future__ import annotations

import click

from scripts.cli_audit import show, verify_command
from scripts.cli_client import client
from scripts.cli_desk import desk
from scripts.cli_office import (
    cancel,
    close,
    incident,
    open_command,
    paper,
    publish,
    seal,
    status,
    submit,
    tally,
)
from scripts.cli_records import minutes, purge
from scripts.cli_roll import credentials, roll
from scripts.cli_serve import serve
from scripts.cli_setup import check, define, key, new
from scripts.cli_trustee import trustee
from scripts.cli_voter import rebuild, vote
from scripts.demo import demo
from scripts.shell import CalmGroup


@click.group(cls=CalmGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stembus")
def main() -> None:
    """A referendum that anyone can verify: anonymous ballots, encrypted votes, a public log.

    \b
    Try it:      stembus demo --voters 300 --eligible 2000
    Check one:   stembus verify PLACE --referendum ID
    """


for command in (
    new, check, key, define, roll, credentials, trustee, open_command, status, vote, rebuild, seal, paper, incident,
    close, cancel, tally, publish, submit, verify_command, show, demo, serve, client, minutes,
    purge, desk,
):  # fmt: skip
    main.add_command(command)

"""Commands about backups: made while the services run, put back into a new folder.

Decides words. What is copied is decided in `ballot.office.backup`, what may be put back in `ballot.office.restoration`.
"""

from __future__ import annotations

from pathlib import Path

import click

from stembus.ballot.office.office import NotReady
from stembus.scripts.cli.doctor import examined, report
from stembus.scripts.shell import DIRECTORY, next_step, open_office, say, server_parts


@click.command()
@DIRECTORY
@click.argument("target", type=click.Path(path_type=Path))
def backup(directory: Path, target: Path) -> None:
    """Copy the whole folder DIR to the new folder TARGET, while the services run.

    \b
    TARGET is as secret as DIR: bring it to another disk, where only its owner can read it. Left out are the codes of
    the letters. A database of PostgreSQL is not in it: the command that copies it is printed.
    Example:  stembus backup kortrijk /mnt/backup/kortrijk-1
    """
    server_parts()
    from stembus.ballot.office.backup import back_up

    done = back_up(open_office(directory), target)
    say(f"{done.files} files are in {target}")
    for command in done.dumps:
        click.echo(f"{command} > FILE")
    for record in done.missing:
        say(f"note: there is no issuance record {record}; if letters were made, mount its disk and make another backup")
    if done.dumps:
        say("databases of PostgreSQL are not in it: run the commands above, and keep what they write with it")
    next_step(f"bring {target} to another disk; it holds all secrets of {directory}")


@click.command()
@click.argument("source", metavar="BACKUP", type=click.Path(path_type=Path, file_okay=False))
@DIRECTORY
@click.option(
    "--no-token-since", is_flag=True, help="You know that no registrar gave out a token after the backup was made."
)
def restore(source: Path, directory: Path, no_token_since: bool) -> None:
    """Put BACKUP back as the new folder DIR, and examine it.

    \b
    Exit status: 0 go, 1 no go: then it is said what must be recovered.
    Example:  stembus restore /mnt/backup/kortrijk-1 kortrijk
    """
    server_parts()
    from stembus.ballot.office.restoration import restore as put_back

    if not source.is_dir():
        raise NotReady(f"there is no backup {source}")
    done = put_back(source, directory, None, no_token_since)
    say(f"{done.files} files are in {directory}")
    for note in done.notes:
        say(f"note: {note}")
    for party in done.dumps:
        say(f"note: the database of {party} is PostgreSQL's: bring back its newest dump, by psql")
    say(
        "what happened after the backup was made is not in it. Before anything else is logged, take the log from the "
        f"newest copy that anybody has: stembus log complete {directory} PLACE; what is logged before that contradicts "
        f"it. Then run, where they lie: stembus box recover {directory} --from-copy; stembus registrar recover "
        f"{directory}"
    )
    report(examined(directory))

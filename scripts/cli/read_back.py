"""Steps that cannot be taken back are read back in words; a binding referendum asks before two officers sign."""

from __future__ import annotations

import click

from stembus.audit.formats.canonical import Record
from stembus.audit.formats.manifest import Manifest
from stembus.scripts.officer_words import entry_words
from stembus.scripts.shell import say

YES = click.option("--yes", is_flag=True, help="Do not ask whether to go on.")


def read_back(manifest: Manifest, body: Record, yes: bool) -> None:
    """Ends the command where somebody says no."""
    say("two officers sign this:")
    for line in entry_words(manifest, body):
        say(f"  {line}")
    if manifest.binding and not yes:
        click.confirm("Two officers sign this, and it stands in the log for good. Go on?", abort=True, err=True)

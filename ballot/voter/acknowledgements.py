"""What a voter's device says to each registrar once its ballot is promised: that the letter's token was used.

Published in the issuance list, it bounds how many votes a registrar can have made for people who did not vote. Decides
when it is signed (with the request, while the letter's code is at hand), where it waits, and that nothing else depends
on it: a registrar that does not answer is asked again at the next occasion.

    acknowledgement-K.json       for registrar number K, until it has it
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from stembus.audit.durable import write_durably
from stembus.ballot.errors import BallotError, Cancelled, Closed
from stembus.ballot.issuance.token import Acknowledgement

_FIELDS = ("credential", "request_hash", "signature")


class Listener(Protocol):
    """A registrar, as far as it takes acknowledgements."""

    def acknowledge(self, said: Acknowledgement) -> None: ...


class Acknowledgements:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _file(self, registrar: int) -> Path:
        return self._folder / f"acknowledgement-{registrar}.json"

    def keep(self, registrar: int, said: Acknowledgement) -> None:
        """For registrar number `registrar`, from 1."""
        text = json.dumps({name: getattr(said, name).hex() for name in _FIELDS})
        write_durably(self._file(registrar), text.encode("ascii"), private=True)

    def say(self, registrars: Sequence[Listener]) -> None:
        """Sends what waits; call it once a ballot is promised. Raises nothing that a registrar refuses with."""
        for number, registrar in enumerate(registrars, 1):
            if not self._file(number).exists():
                continue
            try:
                fields = json.loads(self._file(number).read_bytes())
                registrar.acknowledge(Acknowledgement(*(bytes.fromhex(fields[name]) for name in _FIELDS)))
            except (Closed, Cancelled, ValueError, KeyError, TypeError):
                pass  # too late, or damaged: nothing can be said any more
            except BallotError:
                continue
            self._file(number).unlink()

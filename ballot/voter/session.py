"""One voter's turn, from the voting pass to the promise, on a device that may stop at any moment.

Decides the order: the pass is on disk before anything is asked; a signed ballot is on disk before it is sent; one
that was never answered is sent again, as it is, before another one is signed, for two ballots of one turn must not
exist. Leaves how services are reached, and every question to the voter, to its caller.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from stembus.audit.durable import locked, remove_leftovers, write_durably
from stembus.audit.errors import ReceiptInvalid
from stembus.audit.formats.cast_ballot import parse_ballot, peek
from stembus.audit.formats.receipt import Promise, check_promise, encode_promise
from stembus.audit.verify.setup import Setup
from stembus.ballot.errors import BallotRejected, CastOutOfTurn, RequestInvalid
from stembus.ballot.issuance.token import TokenRequest, VotingPass, make_request, new_pass, take_answer
from stembus.ballot.voter.encrypt import Choice, PreparedBallot, prepare, sign_ballot
from stembus.crypto.signing import SchnorrKey


class RegistrarService(Protocol):
    """Registrar number k is at index k - 1 wherever several are listed."""

    def issue(self, request: TokenRequest) -> bytes: ...


class BoxService(Protocol):
    def cast(self, raw: bytes) -> Promise: ...


class VotingSession:
    """`folder` holds what the voter's device keeps: pass, a ballot without answer, the last promise, ballots that the
    box refused. One session at a time uses it: call the methods within `with`, which calls `waiting` once if another
    session is on."""

    def __init__(
        self,
        setup: Setup,
        registrars: Sequence[RegistrarService],
        box: BoxService,
        folder: Path,
        waiting: Callable[[], None] = lambda: None,
    ) -> None:
        self._setup = setup
        self._registrars = registrars
        self._box = box
        self.folder = folder
        self._waiting = waiting
        self._locked = ExitStack()

    def __enter__(self) -> VotingSession:
        """Raises RequestInvalid for a pass that cannot be used."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with ExitStack() as stack:
            stack.enter_context(locked(self.folder / "lock", where_possible=True, waiting=self._waiting))
            for path in (self._pass_file, self._unanswered, self.promise_file):
                remove_leftovers(path)
            self._pass = self._load_pass()
            self._locked = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._locked.close()

    @property
    def promise_file(self) -> Path:
        return self.folder / "promise.json"

    @property
    def _pass_file(self) -> Path:
        return self.folder / "voting-pass.json"

    @property
    def _unanswered(self) -> Path:
        return self.folder / "ballot"

    @property
    def casts(self) -> int:
        """How many ballots of this pass were promised; the next one replaces them."""
        return self._pass.casts

    def _load_pass(self) -> VotingPass:
        """The pass of an earlier session, or a new one. Raises RequestInvalid."""
        if not self._pass_file.exists():
            return self._save(new_pass(self._setup.context))
        try:
            voting_pass = VotingPass.from_json(self._pass_file.read_text(encoding="ascii", errors="replace"))
        except RequestInvalid as error:
            raise RequestInvalid(f"{self._pass_file}: {error}; bring it back from a copy") from None
        if voting_pass.referendum != self._setup.referendum:
            raise RequestInvalid(f"{self._pass_file} is the voting pass of another referendum")
        return voting_pass

    def _save(self, voting_pass: VotingPass) -> VotingPass:
        write_durably(self._pass_file, voting_pass.to_json().encode("ascii"), private=True)
        self._pass = voting_pass
        return voting_pass

    def prepare(self, choice: Choice) -> PreparedBallot:
        """A fresh encryption. Raises ChoiceInvalid."""
        return prepare(self._setup.context, self._pass, choice)

    def take_token(self, credential: SchnorrKey, factor: str) -> None:
        """Asks every registrar that has not signed yet. Raises what a registrar refuses with; then nothing is lost."""
        for number, signature in enumerate(self._pass.signatures, 1):
            if signature is None:
                answer = self._registrars[number - 1].issue(make_request(self._pass, number, credential, factor))
                self._save(take_answer(self._setup.context, self._pass, number, answer))

    def send_unanswered(self) -> bool:
        """Sends the ballot that a stopped session had signed; True if there was one. Raises what `cast` raises."""
        if not self._unanswered.exists():
            return False
        self._send(self._unanswered.read_bytes())
        return True

    def cast(self, prepared: PreparedBallot) -> Promise:
        """Signs, stores, sends; returns the checked promise. Raises what the box refuses with: a ballot that it refuses
        for good is set aside as evidence, and any other waits for the next session. Raises ReceiptInvalid for what is
        no promise of this box for this ballot, RequestInvalid while an earlier ballot has no answer."""
        if self._unanswered.exists():
            raise RequestInvalid("an earlier ballot has no answer yet; it goes first")
        raw = sign_ballot(self._setup.context, self._pass, prepared, self._pass.casts)
        write_durably(self._unanswered, raw, private=True)
        return self._send(raw)

    def _send(self, raw: bytes) -> Promise:
        cast_hash = hashlib.sha256(raw).hexdigest()
        try:
            promise = self._box.cast(raw)
        except (BallotRejected, CastOutOfTurn):
            self._unanswered.replace(self.folder / f"refused-{cast_hash[:16]}")
            raise
        check_promise(self._setup.manifest, self._setup.referendum, promise)
        if (promise.cast_hash, promise.ballot_id) != (cast_hash, peek(self._setup.context, raw).hex()):
            raise ReceiptInvalid(f"the ballot box promised another ballot; {self._unanswered} is evidence, keep it")
        write_durably(self.promise_file, encode_promise(promise), private=True)
        # From the ballot itself: a session that stopped between these two lines does not count it twice.
        self._save(replace(self._pass, casts=parse_ballot(self._setup.context, raw).seq + 1))
        self._unanswered.unlink()
        return promise

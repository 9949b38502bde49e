"""One voter's turn, from the voting pass to the promise, on a device that may stop at any moment.

Decides the order: the pass is on disk before anything is asked; a signed ballot is on disk, and its turn used up,
before it is sent; one that was never answered is sent again, as it is, before another one is signed; and no turn is
signed twice. Leaves what is kept of a ballot to `sent_ballots`, looking for it in the log to `safety_net`, and how
services are reached, and every question to the voter, to its caller.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from stembus.audit.durable import locked, remove_leftovers, write_durably
from stembus.audit.errors import AuditError, ReceiptInvalid
from stembus.audit.formats.cast_ballot import check_cast_signature, parse_ballot, peek
from stembus.audit.formats.receipt import Promise, check_promise, encode_promise
from stembus.audit.verify.setup import Setup
from stembus.ballot.errors import BallotRejected, CastOutOfTurn, RequestInvalid
from stembus.ballot.issuance.token import (
    TokenRequest,
    VotingPass,
    make_acknowledgement,
    make_requests,
    new_pass,
    take_answer,
)
from stembus.ballot.voter.acknowledgements import Acknowledgements, Listener
from stembus.ballot.voter.encrypt import Choice, PreparedBallot, prepare, sign_ballot
from stembus.ballot.voter.sent_ballots import SentBallots
from stembus.crypto.errors import CryptoError
from stembus.crypto.signing import SchnorrKey


class RegistrarService(Listener, Protocol):
    """Registrar number k is at index k - 1 wherever several are listed."""

    def check(self, request: TokenRequest, others: Sequence[bytes] = ()) -> list[bytes]: ...

    def issue(self, request: TokenRequest) -> bytes: ...


class BoxService(Protocol):
    def cast(self, raw: bytes, earlier: bytes = b"") -> Promise: ...


class VotingSession:
    """`folder` holds what the voter's device keeps: the pass, and what `sent_ballots` says. One session at a time uses
    it: call the methods within `with`, which calls `waiting` once if another session is on."""

    def __init__(
        self,
        setup: Setup,
        registrars: Sequence[RegistrarService],
        box: BoxService,
        folder: Path,
        waiting: Callable[[], None] = lambda: None,
    ) -> None:
        self.setup = setup
        self.sent = SentBallots(folder)
        self._acknowledgements = Acknowledgements(folder)
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
            for path in (self._pass_file, self.sent.unanswered_file, self.sent.promise_file):
                remove_leftovers(path)
            self._pass = self._load_pass()
            self._locked = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._locked.close()

    @property
    def promise_file(self) -> Path:
        return self.sent.promise_file

    @property
    def _pass_file(self) -> Path:
        return self.folder / "voting-pass.json"

    @property
    def casts(self) -> int:
        """How many turns of this pass are used; the next ballot replaces the earlier ones."""
        return self._pass.casts

    def _load_pass(self) -> VotingPass:
        """The pass of an earlier session, or a new one. Raises RequestInvalid."""
        if not self._pass_file.exists():
            return self._save(new_pass(self.setup.context))
        try:
            voting_pass = VotingPass.from_json(self._pass_file.read_text(encoding="ascii", errors="replace"))
        except RequestInvalid as error:
            raise RequestInvalid(f"{self._pass_file}: {error}; bring it back from a copy") from None
        if voting_pass.referendum != self.setup.referendum:
            raise RequestInvalid(f"{self._pass_file} is the voting pass of another referendum")
        return voting_pass

    def _save(self, voting_pass: VotingPass) -> VotingPass:
        write_durably(self._pass_file, voting_pass.to_json().encode("ascii"), private=True)
        self._pass = voting_pass
        return voting_pass

    def prepare(self, choice: Choice) -> PreparedBallot:
        """A fresh encryption. Raises ChoiceInvalid."""
        return prepare(self.setup.context, self._pass, choice)

    def take_token(self, credential: SchnorrKey, factor: str) -> None:
        """Asks every registrar that has not signed yet, the first one last: a letter without its signature can still be
        struck for paper. Before any of several signs, each has checked the letter, so that one which is away uses
        nothing up. Raises what a registrar refuses with; then nothing is lost."""
        if self._pass.complete:
            return
        requests = make_requests(self._pass, credential, factor, lambda *asked: self._registrars[0].check(*asked))
        wanted = [number for number, signature in enumerate(self._pass.signatures, 1) if signature is None]
        for number in wanted:
            if number != 1:
                self._registrars[number - 1].check(requests[number])
        for number in reversed(wanted):
            self._acknowledgements.keep(number, make_acknowledgement(self._pass, number, credential))
            answer = self._registrars[number - 1].issue(requests[number])
            self._save(take_answer(self.setup.context, self._pass, number, answer))

    def acknowledge(self) -> None:
        """Tells the registrars that the token was used, once a ballot is promised. Whatever they answer, the vote is
        cast; who does not answer is told at the next occasion."""
        if self.sent.promise_file.exists():
            self._acknowledgements.say(self._registrars)

    def send_unanswered(self) -> bool:
        """Sends the ballot that a stopped session had signed; True if there was one. Raises what `cast` raises."""
        raw = self.sent.unanswered()
        if raw is None:
            return False
        self._send(raw)
        return True

    def cast(self, prepared: PreparedBallot) -> Promise:
        """Signs, stores, sends; returns the checked promise. If another device took the turn, and the box shows its
        ballot, the same body is signed for a later turn. Raises what the box refuses with: a ballot that it refuses
        for good is set aside as evidence, and any other waits for the next session. Raises ReceiptInvalid for what is
        no promise of this box for this ballot, RequestInvalid while an earlier ballot has no answer."""
        if self.sent.unanswered() is not None:
            raise RequestInvalid("an earlier ballot has no answer yet; it goes first")
        try:
            return self._send(self._sign(prepared))
        except CastOutOfTurn as refusal:
            if not self._shows_later_turn(refusal.current):
                raise
            return self._send(self._sign(prepared))

    def _sign(self, prepared: PreparedBallot) -> bytes:
        raw = sign_ballot(self.setup.context, self._pass, prepared, self._pass.casts)
        self.sent.keep_signed(raw)
        return raw

    def _send(self, raw: bytes) -> Promise:
        self._use_turn(raw)
        try:
            promise = self._box.cast(raw)
        except (BallotRejected, CastOutOfTurn):
            self.sent.refuse(raw)
            raise
        self._check_answer(raw, promise)
        self.sent.take_promise(raw, promise)
        return promise

    def hand_in_again(self, raw: bytes) -> Promise:
        """Sends a ballot once more, as it is, because the log lacks it, and the newest promise that it had. Raises what
        the box refuses with, and ReceiptInvalid also for the promise of a batch that stands without the ballot."""
        self._use_turn(raw)
        earlier = self.sent.promises(raw)[-1:]
        try:
            promise = self._box.cast(raw, *(encode_promise(promise) for promise in earlier))
        except CastOutOfTurn as refusal:
            self._shows_later_turn(refusal.current)
            raise
        self._check_answer(raw, promise)
        if any(promise.batch <= earlier.batch for earlier in self.sent.promises(raw)):
            raise ReceiptInvalid("the ballot box answered with its old promise, which the log did not keep")
        self.sent.take_promise(raw, promise)
        return promise

    def _use_turn(self, raw: bytes) -> None:
        """Before a signed ballot leaves: no other one is ever signed for its turn. It is on disk already, so a session
        that stops before this finds the turn in it."""
        try:
            turn = parse_ballot(self.setup.context, raw).seq
        except (AuditError, CryptoError):
            return  # a damaged file; the box refuses it, and it is set aside
        if turn >= self._pass.casts:
            self._save(replace(self._pass, casts=turn + 1))

    def _shows_later_turn(self, shown: bytes | None) -> bool:
        """Whether the box shows that another device made a later ballot with this pass; then the pass goes on after it.
        A ballot that was signed here proves nothing."""
        try:
            ballot = parse_ballot(self.setup.context, shown or b"")
            check_cast_signature(self.setup.context, ballot)
        except (AuditError, CryptoError):
            return False
        own = ballot.token_key != self._pass.token_key.public or self.sent.is_own(shown or b"")
        # The turn of the refused ballot was the last one used.
        if own or ballot.seq < self._pass.casts - 1:
            return False
        self._save(replace(self._pass, casts=ballot.seq + 1))
        return True

    def _check_answer(self, raw: bytes, promise: Promise) -> None:
        check_promise(self.setup.manifest, self.setup.referendum, promise)
        if not promises_this(self.setup, raw, promise):
            kept = self.sent.unanswered_file
            raise ReceiptInvalid(f"the ballot box promised another ballot; {kept} is evidence, keep it")


def promises_this(setup: Setup, raw: bytes, promise: Promise) -> bool:
    """Whether a promise is for exactly this ballot, under its own number."""
    number = peek(setup.context, raw).hex()
    return (promise.cast_hash, promise.ballot_id) == (hashlib.sha256(raw).hexdigest(), number)

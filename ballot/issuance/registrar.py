"""The registrar: one blind signature for each credential, ever.

Decides who gets a token. Checks in this order: the credential's signature (so nobody else costs Argon2
time), the letter's state in the database and in the issuance record, the second factor; writes the record, commits the
issuance, and only then lets the signature out.
Registrar 1 alone knows second factors: for those who stated theirs, it gives vouchers, which the others ask for.
Never learns which token it signed. Knows no names. Does not know the box.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, func, select, update

from stembus.audit.clock import Clock
from stembus.audit.formats.entries import issuance_digest, issued_digest
from stembus.audit.formats.entry_bodies import Issuance, IssuedCount
from stembus.audit.formats.lists import Issued, acknowledgement_digest, list_root, request_digest
from stembus.audit.formats.manifest import Manifest
from stembus.ballot.database import reading
from stembus.ballot.eligibility.second_factor import FactorHasher
from stembus.ballot.errors import (
    CredentialUnknown,
    DatabaseBehind,
    FactorLocked,
    FactorWrong,
    NotOpen,
    NotOpenYet,
    RequestInvalid,
    TokenAlreadyIssued,
    TokenNotIssued,
)
from stembus.ballot.issuance.co_registrar import demand_voucher, done_digest, voucher_digest
from stembus.ballot.issuance.issuance_record import IssuanceRecord
from stembus.ballot.issuance.issuance_slot import STRUCK, Slot, State
from stembus.ballot.issuance.letter_changes import acknowledge, change, fold, hold, letters
from stembus.ballot.issuance.letter_state import MAXIMUM_TRIES, Letters, refuse_halted, refuse_unready
from stembus.ballot.issuance.record_comparison import differences
from stembus.ballot.issuance.statements import FinalLists
from stembus.ballot.issuance.token import Acknowledgement, TokenRequest
from stembus.ballot.resting_order import lock
from stembus.ballot.storage import letter_changes, registrar_state
from stembus.crypto.blind_signer import BlindSigner
from stembus.crypto.errors import CryptoError
from stembus.crypto.signing import SigningKey, verify_schnorr


class Registrar(Letters):
    """Registrar number `number` (from 1) of one referendum; the first has the `pepper` of the second factors, and no
    other has any."""

    def __init__(
        self,
        engine: Engine,
        manifest: Manifest,
        referendum: bytes,
        number: int,
        signer: BlindSigner,
        key: SigningKey,
        pepper: bytes | None,
        clock: Clock,
        record: IssuanceRecord,
    ) -> None:
        super().__init__(engine, record, clock, manifest.closes_at)
        self._manifest = manifest
        self.referendum = referendum
        self.number = number
        self._signer = signer
        self._key = key
        self._hasher = None if pepper is None else FactorHasher(manifest.second_factor, pepper)

    def check(self, request: TokenRequest, others: Sequence[bytes] = ()) -> list[bytes]:
        """Raises what `issue` would raise now, and gives no signature. A wrong factor costs a try; a right one none.
        Registrar 1 answers with a voucher of 64 bytes for each request to another registrar: `others` are their hashes,
        from that to registrar 2 on. Raises RequestInvalid where these are not as many."""
        known = len(self._manifest.registrars) - 1 if self.number == 1 else 0
        if len(others) not in (0, known):
            raise RequestInvalid(f"there are {known} registrars to vouch for the letter at, and {len(others)} requests")
        if not self._admit(request) and self.number == 1:
            with self._engine.begin() as db:
                if (tries := int(self._letter(db, request.credential).tries)) > 0:
                    change(db, request.credential, tries=tries - 1)
        return [
            self._key.sign(voucher_digest(self.referendum, k, request.credential, asked))
            for k, asked in enumerate(others, 2)
        ]

    def issue(self, request: TokenRequest) -> bytes:
        """The blind signature, 384 bytes. The same request again gets the same answer."""
        if self._admit(request):
            return self._signer.sign(request.blinded)
        answer = self._signer.sign(request.blinded)
        with self._engine.begin() as db:
            # Shared with other issues, exclusive against the close: no answer leaves after the final list.
            refuse_halted(db.execute(select(registrar_state.c.halted).with_for_update(read=True)).scalar_one())
            row = self._letter(db, request.credential)
            issued = {"state": "issued", "request_hash": request.request_hash, "signature": request.signature}
            if not change(db, request.credential, **issued):
                if row.state != "issued":
                    refuse_unready(row.state)
                if row.request_hash != request.request_hash:
                    raise TokenAlreadyIssued("this letter has had its token, on another device or for another request")
            # Here, and not after the commit: a process that dies between the two leaves a letter that only the same
            # request can use, and never one that a second request could.
            self._write_record(request.credential, Slot.issued(request.request_hash, request.signature))
        return answer

    def acknowledge(self, said: Acknowledgement) -> None:
        """Takes a device's word that the letter's token was used; the same again changes nothing. Raises
        RequestInvalid before anything is looked up, so that nobody but the letter itself learns whether it had a token;
        then CredentialUnknown, TokenNotIssued for another request than the one that had a token, and once the final
        list is signed Closed."""
        self._check_signed(said, acknowledgement_digest(self.referendum, self.number, said.request_hash))
        with reading(self._engine) as db:
            row = db.execute(select(letters).where(letters.c.credential == said.credential)).one_or_none()
        if row is None:
            raise CredentialUnknown("no letter of this referendum has this code")
        if row.state != "issued" or bytes(row.request_hash) != said.request_hash:
            raise TokenNotIssued("this letter has had no token by this request, so none can have been used")
        if row.acknowledgement is None:
            with self._engine.begin() as db:
                refuse_halted(db.execute(select(registrar_state.c.halted).with_for_update(read=True)).scalar_one())
                acknowledge(db, said.credential, said.signature)

    def _admit(self, request: TokenRequest) -> bool:
        """Whether this very request had its answer before; otherwise it may have its first one, and has spent a try."""
        self._check_request(request)
        if (halted := self.halted()) == "cancelled":
            refuse_halted(halted)
        # What was issued before is answered at any time: a lost answer must not cost the vote. Read without a lock,
        # so that who signs for letters that do not exist keeps nobody waiting.
        if self._answered(request):
            return True
        self._check_time()
        if self._hasher is None:
            hash_, seen = request.request_hash, request.credential
            demand_voucher(self._manifest, self.referendum, self.number, seen, hash_, request.voucher)
        with self._engine.begin() as db:
            row = self._letter(db, request.credential)
            if row.state == "issued":
                if row.request_hash != request.request_hash:
                    raise TokenAlreadyIssued("this letter has had its token, on another device or for another request")
                return True
            refuse_unready(row.state)
            self._refuse_recorded(request)
            if self._hasher is None:
                return False
            left = self._take_try(db, request.credential, row.tries)
            factor = row.factor
        # Argon2 runs outside the transaction, so a slow check locks nobody out.
        if not self._hasher.matches(factor, request.factor):
            raise FactorWrong(left)
        return False

    def _refuse_recorded(self, request: TokenRequest) -> None:
        """Refuses what an older database would allow again. The same request is no second one."""
        slot = self._recorded(request.credential)
        refuse_unready(slot.state)
        if slot.state is State.ISSUED and slot.digest != request.request_hash:
            raise TokenAlreadyIssued("this letter has had its token, on another device or for another request")

    def _answered(self, request: TokenRequest) -> bool:
        with reading(self._engine) as db:
            row = db.execute(select(letters).where(letters.c.credential == request.credential)).one_or_none()
        if row is None:
            raise CredentialUnknown("no letter of this referendum has this code")
        return bool(row.state == "issued" and row.request_hash == request.request_hash)

    def _check_time(self) -> None:
        now = self._clock.now()
        if now < self._manifest.opens_at:
            raise NotOpenYet(f"voting opens at {self._manifest.opens}")
        refuse_halted("closed" if now >= self._manifest.closes_at else self.halted())

    def _check_request(self, request: TokenRequest) -> None:
        self._check_signed(request, request_digest(self.referendum, self.number, request.request_hash))

    def _check_signed(self, request: TokenRequest | Acknowledgement, digest: bytes) -> None:
        try:
            verify_schnorr(request.credential, digest, request.signature)
        except CryptoError:
            raise RequestInvalid("the request is not signed by its letter's code") from None

    def _letter(self, db: Connection, credential: bytes):  # type: ignore[no-untyped-def]
        row = hold(db, credential)
        if row is None:
            raise CredentialUnknown("no letter of this referendum has this code")
        return row

    def _take_try(self, db: Connection, credential: bytes, tries: int) -> int:
        """Spends a try of a letter that is held, before the factor is looked at: so requests side by side cannot have
        more. Returns how many are left."""
        if tries >= MAXIMUM_TRIES:
            raise FactorLocked("too many wrong answers; the town hall can unlock this letter")
        change(db, credential, tries=tries + 1)
        return MAXIMUM_TRIES - tries - 1

    def confirm(self, asked: bytes) -> bytes:
        """Signs that it did what this request asked for."""
        return self._key.sign(done_digest(self.referendum, self.number, asked))

    # For the log.

    def issued_count(self) -> int:
        with reading(self._engine) as db:
            return db.execute(select(func.count()).where(letters.c.state == "issued")).scalar_one()

    def count_statement(self, batch: int, at_least: int) -> IssuedCount:
        """The signed number of tokens so far, for the header of batch `batch`. Raises DatabaseBehind where this
        database knows of fewer than the `at_least` that the log says were given out: then it is an old copy, a token
        of it could be a voter's second one, and none is given out until the database is recovered."""
        count = self.issued_count()
        if count < at_least:
            self._halt("behind")
            refuse_halted("behind")
        fold(self._engine)
        signature = self._key.sign(issued_digest(self.referendum, self.number, batch, count))
        return IssuedCount(count=count, signature=signature.hex())

    def cancel(self) -> None:
        """Stops issuing for good: the referendum is cancelled."""
        self._halt("cancelled")

    def _halt(self, why: str) -> None:
        with self._engine.begin() as db:
            db.execute(update(registrar_state).where(registrar_state.c.halted.in_(("", "behind"))).values(halted=why))

    def close(self, at_least: int) -> FinalLists:
        """Stops issuing for good; returns the signed final statement and the lists to publish. Raises NotOpen before
        the closing time, Cancelled, DatabaseBehind as `count_statement` does, and TableInUse."""
        if self._clock.now() < self._manifest.closes_at:
            raise NotOpen(f"voting runs until {self._manifest.closes}")
        if self.issued_count() < at_least:
            self._halt("behind")
        with self._engine.begin() as db:
            halted = db.execute(select(registrar_state.c.halted).with_for_update()).scalar_one()
            if halted in ("behind", "cancelled"):
                refuse_halted(halted)
            db.execute(update(registrar_state).values(halted="closed"))
            lock(db, letter_changes, against="writers")  # who is being struck is on the list, or refused after this
            rows = db.execute(
                select(letters.c.credential, letters.c.request_hash, letters.c.signature, letters.c.acknowledgement)
                .where(letters.c.state == "issued")
                .order_by(letters.c.credential)
            ).all()
            issued = [Issued(*(bytes(field or b"") for field in row)) for row in rows]
            of_struck = select(letters.c.credential).where(letters.c.state == "struck")
            struck = sorted(bytes(credential) for credential in db.execute(of_struck).scalars())
            self._refuse_behind(issued, struck)
        fold(self._engine)
        return FinalLists(self._final_statement(issued, struck), issued, struck)

    def _final_statement(self, issued: list[Issued], struck: list[bytes]) -> Issuance:
        of_issued, of_struck = list_root(line.leaf() for line in issued), list_root(struck)
        digest = issuance_digest(self.referendum, self.number, of_issued, of_struck)
        return Issuance(
            count=of_issued[0],
            root=of_issued[1].hex(),
            struck=of_struck[0],
            struck_root=of_struck[1].hex(),
            signature=self._key.sign(digest).hex(),
        )

    def _refuse_behind(self, issued: list[Issued], struck: list[bytes]) -> None:
        """A list that lacks a token which was used would void the result (V22); somebody struck who is on no list could
        not vote at all."""
        rows = [(line.credential, Slot.issued(line.request_hash, line.signature)) for line in issued]
        rows += [(credential, STRUCK) for credential in struck]
        final = (State.ISSUED, State.STRUCK)
        lacking = [found for found in differences(rows, self.record) if found.record.state in final]
        if lacking:
            tokens = sum(found.record.state is State.ISSUED for found in lacking)
            raise DatabaseBehind(
                f"the database lacks {tokens} tokens and {len(lacking) - tokens} people struck for paper of the "
                "issuance record; recover it from there, then close"
            )

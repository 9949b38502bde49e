"""One trustee: identity, key ceremony, intent and partial decryption.

Works on the *published* log, which it verifies by itself before every step, and on its own secret file.
What it needs later is saved before anything leaves. It decrypts nothing that is handed to it: only the
sums it computed from the log, only after t trustees announced the same tree, only ever one tree.

Decides when a trustee may act. Leaves the transport of signed entries to its caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any

from stembus.audit.formats.canonical import Record
from stembus.audit.formats.ceremony import Attempt, commitment_hash, latest_attempt, possession_context
from stembus.audit.formats.entries import (
    Commit,
    Complaint,
    Confirm,
    Decryption,
    ElectionKey,
    PaperResult,
    PartialDecryption,
    Reveal,
    Share,
    TallyIntent,
    encode_entry,
    sign_entry,
)
from stembus.audit.formats.tally_record import decryption_context, sums_digest
from stembus.audit.log.source import Place
from stembus.audit.log_view import LogView, read_log
from stembus.audit.rules import count_status
from stembus.audit.verify import Report, verify
from stembus.audit.verify.ceremony import reveal_problems
from stembus.crypto.elgamal import Ciphertext
from stembus.crypto.errors import CryptoError
from stembus.crypto.group import ORDER, generator_times, scalar_from_bytes, scalar_to_bytes
from stembus.crypto.proofs import prove_equal_logs, prove_key
from stembus.crypto.sealed import new_box_key, open_sealed, seal_to
from stembus.crypto.signing import SigningKey
from stembus.crypto.threshold import check_share, commit_polynomial, evaluate, partial_decrypt, random_polynomial
from stembus.tally.errors import DealerFaulty, LogNotTrusted, MustNotCount, OtherRootSigned, StepDone, StepOutOfTurn

Secrets = dict[str, Any]
Save = Callable[[Secrets], None]


def new_identity() -> Secrets:
    """A trustee's secret content before any ceremony."""
    return {"role": "trustee", "seed": SigningKey.generate().seed.hex(), "attempts": {}, "share": None, "root": None}


class Trustee:
    """`secrets` is the content of the secret file, `save` writes it back durably."""

    def __init__(
        self, secrets: Secrets, save: Save, place: Place, referendum: bytes, executor: Executor | None = None
    ) -> None:
        self._secrets = secrets
        self._save = save
        self._key = SigningKey(bytes.fromhex(secrets["seed"]))
        self._report = verify(place, referendum, executor)
        _demand_trust(self._report)
        self._log = read_log(place)
        if self._log.head.root != self._report.figures.root:
            raise LogNotTrusted("the log grew while it was being checked; try again")
        self._referendum = referendum
        bound = secrets.get("referendum")
        if bound not in (None, referendum.hex()):
            raise LogNotTrusted("this key serves another referendum; make a new one for each")
        members = [member.key for member in self._log.manifest.trustees.members]
        if self._key.public.hex() not in members:
            raise LogNotTrusted("this key belongs to no trustee of the manifest")
        self.number = members.index(self._key.public.hex()) + 1
        self._threshold = self._log.manifest.trustees.threshold
        self._count = len(members)

    def _entry(self, body: Record) -> bytes:
        return encode_entry(body, [sign_entry(self._referendum, body, f"trustee/{self.number}", self._key)])

    def _store(self) -> None:
        self._secrets["referendum"] = self._referendum.hex()
        self._save(self._secrets)

    def _attempt(self) -> Attempt:
        """The latest attempt in the log. Raises StepDone once there is an election key."""
        attempt = latest_attempt(entry.body for _, _, entry in self._log.entries())
        if attempt.complete:
            raise StepDone("the ceremony is complete; the election key stands in the log")
        return attempt

    def _live_attempt(self) -> Attempt:
        attempt = self._attempt()
        self._demand(not attempt.void, "the attempt is void; commit to a new one")
        return attempt

    def _own(self, attempt: Attempt) -> dict[str, Any]:
        own: dict[str, Any] | None = self._secrets["attempts"].get(str(attempt.number))
        if own is None:
            raise StepOutOfTurn("this secret file has no part in the current attempt; commit first")
        return own

    def commit(self, new_attempt: bool = False) -> bytes:
        """Step 1. `new_attempt` gives up the current attempt, visibly."""
        attempt = self._attempt()
        number = attempt.number + 1 if attempt.void or new_attempt or attempt.number == 0 else attempt.number
        if number == attempt.number and self.number in attempt.commits:
            raise StepDone("this trustee has committed; next: reveal, once all have committed")
        own = self._secrets["attempts"].get(str(number))
        if own is None:
            secret, public = new_box_key()
            coefficients = random_polynomial(self._threshold)
            own = {
                "coefficients": [scalar_to_bytes(c).hex() for c in coefficients],
                "receiving_secret": secret.hex(),
                "receiving_key": public.hex(),
            }
            self._secrets["attempts"][str(number)] = own
            self._store()
        points = self._points(own)
        return self._entry(
            Commit(
                attempt=number,
                trustee=self.number,
                commitment=commitment_hash(self._referendum, number, self.number, points).hex(),
                receiving_key=own["receiving_key"],
            )
        )

    def _coefficients(self, own: dict[str, Any]) -> list[int]:
        return [scalar_from_bytes(bytes.fromhex(text)) for text in own["coefficients"]]

    def _points(self, own: dict[str, Any]) -> list[bytes]:
        return [point.to_bytes() for point in commit_polynomial(self._coefficients(own))]

    def reveal(self) -> bytes:
        """Step 2, once all have committed."""
        attempt = self._live_attempt()
        self._demand(len(attempt.commits) == self._count, f"{self._count - len(attempt.commits)} trustees must commit")
        if self.number in attempt.reveals:
            raise StepDone("this trustee has revealed; next: share, once all have revealed")
        own = self._own(attempt)
        points = self._points(own)
        context = possession_context(self._referendum, attempt.number, self.number, points)
        proof = prove_key(self._coefficients(own)[0], context)
        return self._entry(
            Reveal(
                attempt=attempt.number,
                trustee=self.number,
                coefficients=[point.hex() for point in points],
                proof_challenge=scalar_to_bytes(proof.challenge).hex(),
                proof_response=scalar_to_bytes(proof.response).hex(),
            )
        )

    def share(self) -> list[bytes]:
        """Step 3: one sealed share for each other trustee, those not sent yet."""
        attempt = self._live_attempt()
        self._demand(len(attempt.reveals) == self._count, f"{self._count - len(attempt.reveals)} trustees must reveal")
        coefficients = self._coefficients(self._own(attempt))
        entries = []
        for receiver in range(1, self._count + 1):
            if receiver == self.number or (self.number, receiver) in attempt.shares:
                continue
            share = scalar_to_bytes(evaluate(coefficients, receiver))
            sealed = seal_to(bytes.fromhex(attempt.commits[receiver].receiving_key), share)
            body = Share(attempt=attempt.number, sender=self.number, receiver=receiver, sealed=sealed.hex())
            entries.append(self._entry(body))
        if not entries:
            raise StepDone("this trustee has sent its shares; next: confirm, once all have sent theirs")
        return entries

    def _received(self, attempt: Attempt) -> int:
        """The sum of all shares for this trustee. Raises DealerFaulty."""
        own = self._own(attempt)
        total = evaluate(self._coefficients(own), self.number)
        missing = [k for k in range(1, self._count + 1) if k != self.number and (k, self.number) not in attempt.shares]
        self._demand(not missing, f"the shares of the trustees {missing} are still to come")
        commitments = attempt.commitments()
        for dealer in range(1, self._count + 1):
            if dealer == self.number:
                continue
            try:
                sealed = bytes.fromhex(attempt.shares[dealer, self.number].sealed)
                share = scalar_from_bytes(open_sealed(bytes.fromhex(own["receiving_secret"]), sealed))
                check_share(commitments[dealer - 1], self.number, share)
            except CryptoError:
                raise DealerFaulty(dealer) from None
            total += share
        return total % ORDER

    def confirm(self) -> bytes:
        """Step 4: checks all shares, keeps the sum, and signs the joint key and the whole transcript.
        Raises DealerFaulty when a complaint is due."""
        attempt = self._live_attempt()
        missing = self._count * (self._count - 1) - len(attempt.shares)
        self._demand(len(attempt.reveals) == self._count and not missing, f"{missing} shares are still to be sent")
        if self.number in attempt.confirms:
            raise StepDone("this trustee has confirmed")
        for number, reveal in attempt.reveals.items():
            problems = reveal_problems(self._referendum, self._threshold, attempt.commits[number], reveal)
            self._demand(
                not problems, f"trustee {number} {'; '.join(problems)}: begin a new attempt: stembus trustee again"
            )
        share = self._received(attempt)
        expected = attempt.election_key(self._referendum, self._count)
        self._secrets["share"] = scalar_to_bytes(share).hex()
        self._store()
        return self._entry(
            Confirm(
                attempt=attempt.number,
                trustee=self.number,
                joint_key=expected.joint_key,
                transcript=expected.transcript,
            )
        )

    def complain(self) -> bytes:
        """Instead of step 4: shows this attempt's receiving key, so everyone can judge. Voids the attempt."""
        attempt = self._attempt()
        try:
            self._received(attempt)
        except DealerFaulty as fault:
            body = Complaint(
                attempt=attempt.number,
                accuser=self.number,
                accused=fault.dealer,
                receiving_secret=self._own(attempt)["receiving_secret"],
            )
            return self._entry(body)
        raise StepOutOfTurn("all shares are in order; there is nothing to complain about")

    def rehearse(self) -> None:
        """Opens the key file and checks this trustee's share against the log; decrypts nothing."""
        if generator_times(self._share()).to_bytes().hex() != self._election_key().verification_keys[self.number - 1]:
            raise StepOutOfTurn("the share in this file does not belong to the election key of the log")

    def _share(self) -> int:
        if not self._secrets["share"]:
            raise StepOutOfTurn("this secret file holds no share; was the ceremony confirmed with another copy?")
        return scalar_from_bytes(bytes.fromhex(self._secrets["share"]))

    def _election_key(self) -> ElectionKey:
        for _, _, entry in self._log.entries():
            if isinstance(entry.body, ElectionKey):
                return entry.body
        raise StepOutOfTurn("the key ceremony is not complete")

    def _closed_sums(self) -> Sequence[Ciphertext]:
        report, manifest = self._report, self._log.manifest
        self._demand(bool(report.sums), "voting is not closed, or no ballot counts")
        paper = next((e.body for _, _, e in self._log.entries() if isinstance(e.body, PaperResult)), None)
        status = count_status(manifest, report.figures.counted, paper.ballots if paper else 0)
        if status == "not-counted-floor":
            raise MustNotCount(f"{report.figures.counted} ballots are below the privacy floor; nothing is decrypted")
        if status == "not-counted-minimum":
            raise MustNotCount("too few took part, and this referendum is then not counted; nothing is decrypted")
        return report.sums

    def _intents(self) -> dict[int, TallyIntent]:
        bodies = [entry.body for _, _, entry in self._log.entries() if isinstance(entry.body, TallyIntent)]
        return {body.trustee: body for body in bodies}

    def intent(self) -> bytes:
        """Announces the tree and the sums that this trustee is ready to decrypt."""
        sums = self._closed_sums()
        intents = self._intents()
        if self.number in intents:
            raise StepDone("this trustee has announced its intent; next: decrypt")
        digest = sums_digest(self._referendum, sums).hex()
        kept = self._secrets["root"]
        size, root = (kept[0], kept[1]) if kept is not None else self._tree_to_name(digest)
        same = size <= self._log.head.size and self._log.reader.subtree(0, size).hex() == root
        if kept is not None and (kept[2] != digest or not same):
            raise OtherRootSigned("this trustee has announced another tree before and never announces a second one")
        self._secrets["root"] = [size, root, digest]
        self._store()
        return self._entry(TallyIntent(trustee=self.number, size=size, root=root, sums=digest))

    def _tree_to_name(self, digest: str) -> tuple[int, str]:
        """The tree of the first sound intent, or else the one right before any intent."""
        first = self._log.head.size
        for index, _, entry in self._log.entries():
            if isinstance(entry.body, TallyIntent):
                first = min(first, index)
                if entry.body.sums == digest and self._is_sound(entry.body):
                    return entry.body.size, entry.body.root
        return first, self._log.reader.subtree(0, first).hex()

    def _is_sound(self, body: TallyIntent) -> bool:
        named = {fault.where for fault in self._report.faults if fault.check == "V25"}
        for index, _, entry in self._log.entries():
            if entry.body == body:
                return f"entry {index}" not in named
        return False

    def decrypt(self) -> bytes:
        """This trustee's partial decryption, once t trustees announced the same tree and sums."""
        sums = self._closed_sums()
        intents = self._intents()
        own = intents.get(self.number)
        if own is None:
            raise StepOutOfTurn("announce first: run the intent step and publish it")
        if self._secrets["root"] != [own.size, own.root, own.sums]:
            raise OtherRootSigned("the intent in the log is not the one this file announced; nothing is released")
        if own.sums != sums_digest(self._referendum, sums).hex():
            raise OtherRootSigned("the log's sums are not the ones this trustee announced; nothing is released")
        agreeing = [b for b in intents.values() if (b.size, b.root, b.sums) == (own.size, own.root, own.sums)]
        missing = self._threshold - len(agreeing)
        self._demand(missing <= 0, f"{missing} more trustees must announce the same tree")
        for _, _, entry in self._log.entries():
            if isinstance(entry.body, PartialDecryption) and entry.body.trustee == self.number:
                raise StepDone("this trustee's partial decryption stands in the log")
        self.rehearse()
        return self._entry(self._decryptions(sums, own.root))

    def _decryptions(self, sums: Sequence[Ciphertext], root: str) -> PartialDecryption:
        share = self._share()
        remaining = iter(sums)
        decryptions: list[list[Decryption]] = []
        for question, asked in enumerate(self._log.manifest.questions):
            parts = []
            for option in range(len(asked.options)):
                ciphertext = next(remaining)
                context = decryption_context(self._referendum, bytes.fromhex(root), self.number, question, option)
                proof = prove_equal_logs(share, ciphertext.nonce_point, context)
                parts.append(
                    Decryption(
                        point=partial_decrypt(share, ciphertext).to_bytes().hex(),
                        challenge=scalar_to_bytes(proof.challenge).hex(),
                        response=scalar_to_bytes(proof.response).hex(),
                    )
                )
            decryptions.append(parts)
        return PartialDecryption(trustee=self.number, root=root, decryptions=decryptions)

    def _demand(self, holds: bool, missing: str) -> None:
        if not holds:
            raise StepOutOfTurn(missing)


def _demand_trust(report: Report) -> None:
    if not report.established:
        faults = [f"{f.check} {f.where}: {f.message}" for f in report.faults if f.verdict.name == "BREACH"]
        raise LogNotTrusted("the published log does not verify: " + "; ".join(faults[:5]))


def make_election_key(log: LogView) -> bytes:
    """The entry that all n confirmations allow anyone to make. Raises StepOutOfTurn or StepDone."""
    attempt = latest_attempt(entry.body for _, _, entry in log.entries())
    if attempt.complete:
        raise StepDone("the election key stands in the log already")
    count = len(log.manifest.trustees.members)
    if len(attempt.confirms) != count:
        raise StepOutOfTurn(f"{count - len(attempt.confirms)} trustees have not confirmed the ceremony")
    return encode_entry(attempt.election_key(log.referendum, count))

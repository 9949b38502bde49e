"""The forger's workshop: a whole referendum rebuilt from parts, by somebody who holds every key.

A forgery changes one part and lets everything after it be made and signed anew, so that only the check
aimed at can notice. Nothing here validates; that is the point.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stembus.audit.formats.ballot_shape import SECOND
from stembus.audit.formats.canonical import Record, encode
from stembus.audit.formats.cast_ballot import BallotContext
from stembus.audit.formats.entries import KINDS, issuance_digest, issued_digest, parse_entry
from stembus.audit.formats.lists import Issued, acknowledgement_digest, encode_keys, list_root, request_digest
from stembus.audit.formats.tally_record import decryption_context, sums_digest
from stembus.audit.log.merkle import Frontier, hash_root, leaf_hash
from stembus.audit.log.note import Checkpoint, NoteSignature, cosign, sign_checkpoint, verifier_key
from stembus.audit.log.source import FolderPlace, MemoryPlace
from stembus.audit.log.tiles import bundle_widths, encode_bundle, level_tiles, tile_path
from stembus.audit.verify import Report, verify
from stembus.audit.verify.ballots import context_of
from stembus.audit.verify.conclusions import conclude
from stembus.audit.verify.engine import _walk
from stembus.audit.verify.index import Index
from stembus.audit.verify.stream import Unreadable
from stembus.ballot.eligibility.credential_authority import CODED_COLUMNS, SPARE_COLUMNS
from stembus.ballot.eligibility.letter_code import credential_key, parse_code
from stembus.ballot.eligibility.own_csv import read_csv
from stembus.ballot.issuance.token import VotingPass, new_pass, take_answer
from stembus.ballot.office.paper import paper_entries
from stembus.ballot.office.services import ServedOffice
from stembus.ballot.voter.encrypt import prepare, sign_ballot
from stembus.crypto.blind_signer import BlindSigner
from stembus.crypto.discrete_log import small_log, two_small_logs
from stembus.crypto.elgamal import Ciphertext
from stembus.crypto.group import scalar_to_bytes
from stembus.crypto.proofs import prove_equal_logs
from stembus.crypto.signing import SchnorrKey, SigningKey
from stembus.crypto.threshold import combine_partials, partial_decrypt
from stembus.crypto.transcript import Transcript
from stembus.tally.key_file import parse_trustee_key
from stembus.tally.trustee import Trustee
from tests.tampered.counted import Body, result_body

DAY = 86_400
_CLOSE, _PAPER, _FEW = b'"type":"close"}', b'"type":"paper-result"}', b'"type":"paper-ballots"}'


@dataclass
class Keys:
    """Every secret of the referendum, opened once."""

    parties: dict[str, SigningKey]
    signer: BlindSigner
    shares: list[int]
    credentials: list[SchnorrKey]
    spares: list[SchnorrKey]


def open_keys(root: Path) -> Keys:
    office = ServedOffice(root, lambda _: "rehearsal")
    names = ["trustee-1", "trustee-2", "trustee-3", "officer-1", "officer-2", "witness-1", "witness-2"]
    names += ["registrar-1", "box", "log", "client"]
    codes = [row[7] for row in read_csv(root / "authority" / "codes.csv", CODED_COLUMNS)]
    spares = [row[1] for row in read_csv(root / "authority" / "spares.csv", SPARE_COLUMNS)]
    log = verify(FolderPlace(office.public), office.referendum).demand_log()
    trustees = [parse_trustee_key(office.secret(f"trustee-{number}")) for number in (1, 2, 3)]
    return Keys(
        {name: office.signing_key(name) for name in names},
        office.blind_signer(1),
        [Trustee(key, lambda _: None, log)._count_share() for key in trustees],
        [credential_key(parse_code(code), office.referendum) for code in codes],
        [credential_key(parse_code(code), office.referendum) for code in spares],
    )


@dataclass
class Voter:
    voting_pass: VotingPass
    issued: Issued


@dataclass
class Forge:
    """Parts of a referendum; `build` puts them together. Change parts, hooks or the finished files."""

    keys: Keys
    setup: list[bytes]
    lists: dict[str, bytes]
    context: BallotContext
    manifest: Body
    voters: list[Voter]
    batches: list[list[bytes]] = field(default_factory=list)
    batch_times: list[int] = field(default_factory=list)
    sort: bool = True
    # Who was struck for paper; then either what two officers state, or the counts that are encrypted.
    struck: list[bytes] = field(default_factory=list)
    paper: Body | None = None
    few: Body | None = None
    few_hook: Callable[[list[bytes]], None] | None = None
    few_header_hook: Callable[[Body], None] | None = None
    issued: list[Issued] = field(default_factory=list)
    counts: Callable[[int], int] | None = None
    with_tally: bool = True
    tally_hook: Callable[[list[tuple[str, Body, list[str]]]], None] | None = None
    close_hook: Callable[[Body], None] | None = None
    header_hook: Callable[[int, Body], None] | None = None
    entries_hook: Callable[[list[bytes]], None] | None = None
    between: list[bytes] = field(default_factory=list)
    after_close: list[bytes] = field(default_factory=list)
    after_result: list[bytes] = field(default_factory=list)
    checkpoint_hook: Callable[[int, Checkpoint], Checkpoint | None] | None = None
    files_hook: Callable[[dict[str, bytes]], None] | None = None
    open_time: int | None = None
    close_time: int | None = None
    patience: int = 14 * DAY  # between the close and an end without a result
    tally_set: Callable[[list[bytes]], list[bytes]] | None = None
    # The log up to its close, once it was built.
    closed: list[bytes] = field(default_factory=list)
    # Of the log's first entries up to the intents; known from `tally` on.
    root_at: Callable[[int], bytes] = lambda size: b""

    @property
    def referendum(self) -> bytes:
        return self.context.referendum

    # Signing anything at all

    def entry(self, kind: str, body: Body | Record, by: Sequence[str] | None = None, keys: Sequence[str] = ()) -> bytes:
        """An entry signed by `by` (default: whoever must), with other parties' keys when `keys` says so."""
        data = body if isinstance(body, dict) else json.loads(encode(body))
        names = list(by) if by is not None else self._signers(kind, data)
        raw = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        transcript = Transcript("entry").add("referendum", self.referendum).add("type", kind.encode())
        digest = transcript.add("body", raw).digest()
        holders = list(keys) or [name.replace("/", "-") for name in names]
        signatures = [
            {"by": name, "signature": self.keys.parties.get(holder, self.keys.parties["log"]).sign(digest).hex()}
            for name, holder in zip(names, holders, strict=True)
        ]
        return dump({"body": data, "signatures": signatures, "type": kind})

    def _signers(self, kind: str, body: Body) -> list[str]:
        rule = KINDS[kind][1] if kind in KINDS else "nobody"
        trustee = body.get("trustee") or body.get("sender") or body.get("accuser")
        table = {"trustee": [f"trustee/{trustee}"], "officers": ["officer/1", "officer/2"], "officer": ["officer/1"]}
        return table.get(rule, [] if rule == "nobody" else [rule])

    # Parts

    def ballot(self, voter: int, choice: int | None = 0, seq: int = 0) -> bytes:
        voting_pass = self.voters[voter].voting_pass
        chosen = [[] if choice is None else [choice]]
        return sign_ballot(self.context, voting_pass, prepare(self.context, voting_pass, chosen), seq)

    def find_setup(self, kind: str, nth: int = 0) -> int:
        return [i for i, raw in enumerate(self.setup) if i and parse_entry(raw).type == kind][nth]

    def edit_setup(
        self, kind: str, change: Callable[[Body], None], nth: int = 0, by: Sequence[str] | None = None
    ) -> None:
        """Changes a setup entry's body and signs it again."""
        index = self.find_setup(kind, nth)
        body = json.loads(self.setup[index])["body"]
        change(body)
        self.setup[index] = self.entry(kind, body, by)

    def count_statement(self, batch: int, count: int) -> Body:
        digest = issued_digest(self.referendum, 1, batch, count)
        return {"count": count, "signature": self.keys.parties["registrar-1"].sign(digest).hex()}

    def header(self, number: int, ballots: list[bytes]) -> bytes:
        count = self.counts(number) if self.counts else len(self.issued)
        body: Body = {"number": number, "size": len(ballots), "issued": [self.count_statement(number, count)]}
        if self.header_hook:
            self.header_hook(number, body)
        return self.entry("batch", body)

    def issuance(self) -> Body:
        lines = sorted(self.issued, key=lambda line: line.credential)
        count, root = list_root(line.leaf() for line in lines)
        self.lists["issuance/1"] = "".join(line.line() for line in lines).encode()
        self.lists["struck/1"] = encode_keys(self.struck).encode()
        struck, struck_root = list_root(sorted(self.struck))
        return self.statement(count, root, struck, struck_root)

    def statement(self, count: int, root: bytes, struck: int, struck_root: bytes) -> Body:
        """What the registrar signs at the close."""
        digest = issuance_digest(self.referendum, 1, (count, root), (struck, struck_root))
        signature = self.keys.parties["registrar-1"].sign(digest).hex()
        lists = {"count": count, "root": root.hex(), "struck": struck, "struck_root": struck_root.hex()}
        return {**lists, "signature": signature}

    def few_ballots(self) -> list[bytes]:
        """Paper ballots that are too few to be shown apart, with their header."""
        assert self.few
        entries = paper_entries(self.context, self.few["ballots"], self.few["counts"], bytes(32))
        if self.few_hook:
            self.few_hook(entries)
        body = {"ballots": len(entries), "root": list_root(entries)[1].hex()}
        if self.few_header_hook:
            self.few_header_hook(body)
        return [self.entry("paper-ballots", body), *entries]

    def body_id(self, raw: bytes) -> bytes:
        return self.context.ballot_id(raw[1 : 1 + self.context.body_bytes])

    # Putting it together

    def build(self) -> MemoryPlace:
        entries = list(self.setup)
        for number, ballots in enumerate(self.batches, 1):
            ordered = sorted(ballots, key=self.body_id) if self.sort else ballots
            entries += [self.header(number, ordered), *ordered]
        entries += self.between
        ballots_in = sum(len(ballots) for ballots in self.batches)
        close: Body = {"batches": len(self.batches), "ballots": ballots_in, "issuance": [self.issuance()]}
        if self.close_hook:
            self.close_hook(close)
        entries.append(self.entry("close", close))
        self.closed = list(entries)
        if self.paper:
            entries.append(self.entry("paper-result", self.paper))
        if self.few:
            entries += self.few_ballots()
        entries += self.after_close
        if self.with_tally:
            entries += [self.entry(*item) for item in self.tally(entries)]
        entries += self.after_result
        if self.entries_hook:
            self.entries_hook(entries)
        return self.bundle(entries)

    def bundle(self, entries: list[bytes]) -> MemoryPlace:
        rolled = any(b'"type":"roll"' in raw for raw in entries[1:])
        files = {**(self.lists if rolled else {}), **log_files(entries)}
        files["log.vkey"] = (
            verifier_key(self.manifest["log"]["origin"], self.keys.parties["log"].public) + "\n"
        ).encode()
        for size, time in self.moments(entries):
            checkpoint = self.checkpoint(entries, size, time)
            if self.checkpoint_hook:
                changed = self.checkpoint_hook(size, checkpoint)
                if changed is None:
                    continue
                checkpoint = changed
            files[f"checkpoints/{size}"] = checkpoint.to_bytes()
            files["checkpoint"] = checkpoint.to_bytes()
        if self.files_hook:
            self.files_hook(files)
        return MemoryPlace(files)

    def checkpoint(self, entries: list[bytes], size: int, time: int) -> Checkpoint:
        signed = sign_checkpoint(self.manifest["log"]["origin"], size, _root(entries[:size]), self.keys.parties["log"])
        lines = [*signed.signatures, *(self.cosignature(signed, k, time) for k in (1, 2))]
        return Checkpoint(signed.origin, size, signed.root, tuple(lines))

    def cosignature(self, checkpoint: Checkpoint, witness: int, time: int) -> NoteSignature:
        return cosign(checkpoint, f"witness-{witness}", self.keys.parties[f"witness-{witness}"], time)

    def moments(self, entries: list[bytes]) -> list[tuple[int, int]]:
        """(size, time) of every step of the log."""
        opens, closes = 1_571_036_400, 1_571_587_200
        now, batch, left = opens - DAY, 0, 0
        result = []
        batches = sum(1 for raw in entries[1:] if raw.startswith(b"{") and b'"type":"batch"' in raw)
        for index, raw in enumerate(entries):
            if left and not raw.startswith(b"{"):
                left -= 1
                if not left:
                    result.append((index + 1, now))
                continue
            found = re.search(rb'"type":"([a-z-]+)"}$', raw) if index else None
            kind = found[1].decode() if found else "other"
            if kind == "open":
                now = max(now, self.open_time or opens)
            elif kind == "batch":
                batch += 1
                last = closes + 300 if batch == batches else opens + 3600 * batch
                now = self.batch_times[batch - 1] if self.batch_times else last
                left = json.loads(raw)["body"]["size"]
                if left:
                    continue
            elif kind == "paper-ballots":
                left = json.loads(raw)["body"]["ballots"]
            elif kind == "abandon":
                now += self.patience
            elif kind == "close":
                now = self.close_time or closes + 300
            result.append((index + 1, now))
        if not result or result[-1][0] != len(entries):
            result.append((len(entries), now))
        return result

    def tally(self, entries: list[bytes]) -> list[tuple[str, Body, list[str]]]:
        """Intents, decryptions by trustees 1 and 2, and the result, of whatever the log says counts."""
        counted, sums = _counted(self.bundle_quietly(entries), self.referendum)
        if self.tally_set:
            sums, counted = self.sum_of(self.tally_set([raw for part in self.batches for raw in part]))
        size = self.decided(entries)
        self.root_at = lambda size: _root(entries[:size])
        root = self.root_at(size)
        digest = sums_digest(self.referendum, sums).hex()
        made: list[tuple[str, Body, list[str]]] = []
        for k in (1, 2):
            made.append(
                ("tally-intent", {"trustee": k, "size": size, "root": root.hex(), "sums": digest}, [f"trustee/{k}"])
            )
        for k in (1, 2):
            made.append(("partial-decryption", self.partial(k, root, sums), [f"trustee/{k}"]))
        made.append(("result", self.result(sums, counted), ["officer/1", "officer/2"]))
        if self.tally_hook:
            self.tally_hook(made)
        return made

    def decided(self, entries: list[bytes]) -> int:
        """Where the tree ends that is counted."""
        ends = [(kind, i + 1) for kind in (_FEW, _PAPER, _CLOSE) for i, raw in enumerate(entries) if raw.endswith(kind)]
        kind, end = ends[0]
        few = json.loads(entries[end - 1])["body"]["ballots"] if kind == _FEW else 0
        return min(end + int(few), len(entries))

    def bundle_quietly(self, entries: list[bytes]) -> MemoryPlace:
        hooks = self.checkpoint_hook, self.files_hook
        self.checkpoint_hook = self.files_hook = None
        place = self.bundle(entries)
        self.checkpoint_hook, self.files_hook = hooks
        return place

    def sum_of(self, raws: list[bytes]) -> tuple[tuple[Ciphertext, ...], int]:
        start = 33
        parts = [
            [Ciphertext.from_bytes(raw[start + 66 * k : start + 66 * (k + 1)]) for k in range(self.context.ciphertexts)]
            for raw in raws
        ]
        totals = parts[0]
        for part in parts[1:]:
            totals = [a + b for a, b in zip(totals, part, strict=True)]
        return tuple(totals), len(raws)

    def partial(self, trustee: int, root: bytes, sums: Sequence[Ciphertext], share: int | None = None) -> Body:
        secret = self.keys.shares[trustee - 1] if share is None else share
        shares = []
        for number, ciphertext in enumerate(sums):
            context = decryption_context(self.referendum, root, trustee, 0, number)
            proof = prove_equal_logs(secret, ciphertext.nonce_point, context)
            shares.append(
                {
                    "point": partial_decrypt(secret, ciphertext).to_bytes().hex(),
                    "challenge": scalar_to_bytes(proof.challenge).hex(),
                    "response": scalar_to_bytes(proof.response).hex(),
                }
            )
        return {"trustee": trustee, "root": root.hex(), "decryptions": [shares]}

    def result(self, sums: Sequence[Ciphertext], counted: int) -> Body:
        bound, online = 10 * counted + 10, list[int]()
        for ciphertext in sums:
            points = {k: partial_decrypt(self.keys.shares[k - 1], ciphertext) for k in (1, 2)}
            message = combine_partials(ciphertext, points)
            pair = self.context.questions[0].is_pair
            online += two_small_logs(message, SECOND, bound) if pair else [small_log(message, bound)]
        margin = self.manifest["rules"]["minimum_margin_permille"]
        if self.few:
            return result_body(None, None, online, counted, self.few["ballots"], margin, self.manifest["questions"][0])
        paper = self.paper or {"ballots": 0, "counts": [[0] * len(online)]}
        total = [a + b for a, b in zip(online, paper["counts"][0], strict=True)]
        return result_body(
            online, paper["counts"][0], total, counted, paper["ballots"], margin, self.manifest["questions"][0]
        )


def _root(entries: list[bytes]) -> bytes:
    frontier = Frontier()
    for raw in entries:
        frontier.append(leaf_hash(raw))
    return frontier.root()


def _counted(place: MemoryPlace, referendum: bytes) -> tuple[int, Sequence[Ciphertext]]:
    """What counts by the rules, also in a log that does not verify: forgers go on regardless."""
    report = Report()
    with Index() as index:
        try:
            walk = _walk(place, referendum, None, None, report, index)
        except Unreadable:
            return 0, ()
        conclude(walk)
        return report.figures.counted, walk.sums


def dump(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def log_files(entries: list[bytes]) -> dict[str, bytes]:
    files = {}
    for number, width in bundle_widths(len(entries)):
        files[tile_path("entries", number, width)] = encode_bundle(entries[256 * number : 256 * number + width])
    levels = [[leaf_hash(raw) for raw in entries]]
    while len(levels[-1]) >= 256:
        below = levels[-1]
        levels.append([hash_root(below[256 * k : 256 * (k + 1)]) for k in range(len(below) // 256)])
    for level, number, width in level_tiles(len(entries)):
        files[tile_path(level, number, width)] = b"".join(levels[level][256 * number : 256 * number + width])
    return files


def make_voter(context: BallotContext, keys: Keys, credential: SchnorrKey) -> Voter:
    """A token by the registrar's own key, and the line of the issuance list that belongs to it."""
    voting_pass = new_pass(context)
    blinded = voting_pass.blindings[0].blinded_message
    request = hashlib.sha256(blinded).digest()
    signature = credential.sign(request_digest(context.referendum, 1, request))
    complete = take_answer(context, voting_pass, 1, keys.signer.sign(blinded))
    return Voter(complete, Issued(credential.public, request, signature))


def acknowledged(forge: Forge, line: Issued, credential: SchnorrKey) -> Issued:
    signature = credential.sign(acknowledgement_digest(forge.referendum, 1, line.request_hash))
    return replace(line, acknowledgement=signature)


def load_parts(root: Path, voters: int = 14) -> dict[str, Any]:
    """What all forgeries start from: an opened referendum of 40 letters, and voters with tokens."""
    from stembus.audit.log.source import FolderPlace
    from tests.log_view import read_log

    view = read_log(FolderPlace(root / "public"))
    entries = [view.reader.entry(index) for index in range(view.head.size)]
    key_entry = next(raw for _, raw, entry in view.entries() if entry.type == "election-key")
    context = context_of(entries[0], key_entry)
    keys = open_keys(root)
    return {
        "keys": keys,
        "setup": entries,
        "lists": {name: (root / "public" / name).read_bytes() for name in ("credentials", "spares")},
        "context": context,
        "manifest": json.loads(entries[0]),
        "voters": [make_voter(context, keys, keys.credentials[k]) for k in range(voters)],
    }


def new_forge(parts: dict[str, Any]) -> Forge:
    """12 voters in two batches of 6; 8 say no, 4 yes. Two more hold tokens and have not voted. Eleven devices said that
    their token was used."""
    own = {"setup": list(parts["setup"]), "lists": dict(parts["lists"]), "voters": list(parts["voters"])}
    forge = Forge(**{key: value for key, value in (parts | own).items() if key != "ballots"})
    if "ballots" not in parts:
        parts["ballots"] = [forge.ballot(k, int(k % 3 == 2)) for k in range(12)]
    cache = parts["ballots"]
    forge.batches = [list(cache[:6]), list(cache[6:])]
    forge.issued = [
        acknowledged(forge, voter.issued, forge.keys.credentials[k]) if k < 11 else voter.issued
        for k, voter in enumerate(forge.voters)
    ]
    return forge


def judge(forge: Forge, place: MemoryPlace) -> Report:
    return verify(place, forge.referendum)

"""The manifest: the referendum's definition, frozen as entry 0 of the log.

Decides the fields of a definition, their types, and what follows from them: the referendum id, which is the SHA-256
of the canonical bytes, and the size of a ballot. Leaves the rules that a definition must keep to `manifest_rules`,
and the drafting in TOML to `ballot.office.definition`.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from stembus.audit import bounds
from stembus.audit.errors import ManifestInvalid, RecordInvalid
from stembus.audit.formats.ballot_shape import QuestionShape
from stembus.audit.formats.canonical import Count, Key, Record, SpkiHex
from stembus.audit.log.verifier_key import ED25519, VerifierKey
from stembus.crypto.blind_rsa import MODULUS_BYTES

Texts = dict[str, str]
MLDSA44 = "ml-dsa-44:"
_TIME = re.compile(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d\Z", re.ASCII)


Amount = Annotated[int, msgspec.Meta(ge=1, le=bounds.BUDGET)]


class Option(Record, frozen=True):
    """`cost` is that of a project in a budget."""

    text: Texts
    cost: Amount | None


class Question(Record, frozen=True):
    """`kind` yes-no has two options and names the one that accepts; choose ranks its options; budget funds projects, in
    the order of `funding`, from `budget` units."""

    kind: Literal["yes-no", "choose", "budget"]
    text: Texts
    options: list[Option]
    max_choices: Annotated[int, msgspec.Meta(ge=1, le=bounds.OPTIONS)]
    accepts: int | None
    budget: Amount | None
    unit: Texts | None
    funding: Literal["most-votes-then-cheapest", "most-votes-then-listed"] | None

    @property
    def shape(self) -> QuestionShape:
        costs = tuple(option.cost for option in self.options if option.cost is not None)
        return QuestionShape(len(self.options), self.max_choices, costs, self.budget or 0)


class Eligibility(Record, frozen=True):
    description: Texts
    minimum_age: Annotated[int, msgspec.Meta(ge=0, le=150)]
    age_date: str
    residence_date: str
    postcodes: list[str]
    official_count: Annotated[int, msgspec.Meta(ge=1, le=bounds.ROLL)]


class Rules(Record, frozen=True):
    """The margin is in thousandths of yes + no."""

    minimum_participants: Count
    minimum_margin_permille: Annotated[int, msgspec.Meta(ge=0, le=1000)]
    count_below_minimum: bool


class PrivacyFloor(Record, frozen=True):
    """The fewest ballots of each kind that may be counted apart."""

    online: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    paper: Annotated[int, msgspec.Meta(ge=1, le=10_000)]


class Batching(Record, frozen=True):
    """Seconds and new tokens between batches; no batch in the quiet seconds before the close. For the healing seconds
    after the last batch, promised ballots that the log lacks can be handed in again."""

    minimum_seconds: Annotated[int, msgspec.Meta(ge=0, le=86_400)]
    minimum_tokens: Annotated[int, msgspec.Meta(ge=0, le=100_000)]
    quiet_seconds: Annotated[int, msgspec.Meta(ge=0, le=86_400)]
    healing_seconds: Annotated[int, msgspec.Meta(ge=0, le=86_400)]


class SecondFactor(Record, frozen=True):
    kind: Literal["birth-date", "national-number"]
    memory_kib: Annotated[int, msgspec.Meta(ge=8, le=4_194_304)]
    passes: Annotated[int, msgspec.Meta(ge=1, le=64)]


class NamedKey(Record, frozen=True):
    """An Ed25519 key and the name of its holder."""

    name: str
    key: Key


class Registrar(Record, frozen=True):
    """One RSA key for blind signatures and nothing else, one Ed25519 key for statements."""

    name: str
    blind_key: SpkiHex
    key: Key
    url: str


class Trustees(Record, frozen=True):
    threshold: Annotated[int, msgspec.Meta(ge=1, le=bounds.TRUSTEES)]
    members: list[NamedKey]


class WitnessMember(Record, frozen=True):
    """A witness's name and key: Ed25519, or ML-DSA-44 with its name before it."""

    name: str
    key: Annotated[str, msgspec.Meta(pattern=rf"\A(?:[0-9a-f]{{64}}|{MLDSA44}[0-9a-f]{{2624}})\Z")]

    @property
    def public(self) -> bytes:
        """32 bytes of Ed25519, or 1312 of ML-DSA-44."""
        return bytes.fromhex(self.key.removeprefix(MLDSA44))


class Witnesses(Record, frozen=True):
    quorum: Annotated[int, msgspec.Meta(ge=1, le=bounds.WITNESSES)]
    members: list[WitnessMember]


class Log(Record, frozen=True):
    origin: str
    key: Key

    @property
    def verifier_key(self) -> VerifierKey:
        return VerifierKey(self.origin, ED25519, bytes.fromhex(self.key))


class Service(Record, frozen=True):
    key: Key
    url: str


class Manifest(Record, frozen=True):
    """The whole definition. Public keys only; `languages[0]` is the one that counts."""

    type: Literal["manifest"]
    version: Literal[1]
    binding: bool
    clock: Literal["real", "simulated"]
    languages: list[str]
    title: Texts
    questions: list[Question]
    opens: str
    closes: str
    grace_seconds: Annotated[int, msgspec.Meta(ge=0, le=3_600)]
    complaint_seconds: Annotated[int, msgspec.Meta(ge=0, le=bounds.COMPLAINT_SECONDS)]
    sample_size: Annotated[int, msgspec.Meta(ge=0, le=bounds.ROLL)]
    eligibility: Eligibility
    rules: Rules
    privacy_floor: PrivacyFloor
    max_casts: Annotated[int, msgspec.Meta(ge=1, le=bounds.CASTS)]
    batching: Batching
    second_factor: SecondFactor
    trustees: Trustees
    registrars: list[Registrar]
    box: Service
    log: Log
    witnesses: Witnesses
    officers: list[NamedKey]
    client: Service

    @property
    def margin_permille(self) -> int:
        """0 also where no question asks yes or no: the rule is of no use there."""
        return self.rules.minimum_margin_permille if any(asked.kind == "yes-no" for asked in self.questions) else 0

    @property
    def opens_at(self) -> int:
        """Unix seconds."""
        return parse_time(self.opens)

    @property
    def closes_at(self) -> int:
        """Unix seconds, without the grace."""
        return parse_time(self.closes)


def parse_time(text: str) -> int:
    """ISO 8601 with whole seconds and an explicit UTC offset, to Unix seconds. Raises ManifestInvalid."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ManifestInvalid(f"{text!r} is no time; write it like 2019-10-14T09:00:00+02:00") from None
    if not _TIME.match(text) or moment.isoformat() != text:
        raise ManifestInvalid(f"{text!r} needs whole seconds and a UTC offset, like 2019-10-14T09:00:00+02:00")
    return int(moment.timestamp())


def referendum_id(data: bytes) -> bytes:
    """32 bytes: the SHA-256 of the manifest's canonical bytes."""
    return hashlib.sha256(data).digest()


def parse_referendum_id(text: str) -> bytes:
    """As a person hands it over: in capitals or not, with spaces between bytes or not. Raises RecordInvalid."""
    try:
        identity = bytes.fromhex(text.strip())
    except ValueError:
        identity = b""
    if len(identity) != 32:
        raise RecordInvalid("a referendum id is 64 hexadecimal digits; it stands on every letter")
    return identity


def question_shapes(manifest: Manifest) -> tuple[QuestionShape, ...]:
    return tuple(question.shape for question in manifest.questions)


def cast_ballot_bytes(manifest: Manifest) -> int:
    """The exact length of every cast ballot of this referendum."""
    size = 1 + 32 + sum(shape.size for shape in question_shapes(manifest))
    return size + 32 + 32 + MODULUS_BYTES * len(manifest.registrars) + 4 + 64

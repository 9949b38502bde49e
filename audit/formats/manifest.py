"""The manifest: the referendum's definition, frozen as entry 0 of the log.

Decides every field of a definition and the rules it must keep, for a rehearsal and for a binding
referendum. The SHA-256 of its canonical bytes is the referendum id. Leaves the drafting in TOML to
`ballot.office.definition`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from stembus.audit import bounds
from stembus.audit.errors import ManifestInvalid, RecordInvalid
from stembus.audit.formats.canonical import Count, Key, Record, SpkiHex, decode, encode
from stembus.crypto.blind_rsa import MODULUS_BYTES, BlindPublicKey
from stembus.crypto.elgamal import CIPHERTEXT_BYTES
from stembus.crypto.errors import EncodingInvalid
from stembus.crypto.group import POINT_BYTES, SCALAR_BYTES
from stembus.crypto.signing import check_ed25519_key

Texts = dict[str, str]
_ORIGIN = re.compile(r"\A[a-z0-9][a-z0-9.-]*(?:/[A-Za-z0-9._~-]+)*\Z")
_TIME = re.compile(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d\Z", re.ASCII)
_NAME = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._/-]{0,99}\Z")


class Option(Record, frozen=True):
    text: Texts


class Question(Record, frozen=True):
    """`kind` yes-no has two options and names the one that accepts; choose ranks its options."""

    kind: Literal["yes-no", "choose"]
    text: Texts
    options: list[Option]
    max_choices: Annotated[int, msgspec.Meta(ge=1, le=bounds.OPTIONS)]
    accepts: int | None


class Eligibility(Record, frozen=True):
    description: Texts
    minimum_age: Annotated[int, msgspec.Meta(ge=0, le=150)]
    reference_date: str
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
    """Seconds and different tokens between batches; no batch in the quiet seconds before the close."""

    minimum_seconds: Annotated[int, msgspec.Meta(ge=0, le=86_400)]
    minimum_tokens: Annotated[int, msgspec.Meta(ge=1, le=100_000)]
    quiet_seconds: Annotated[int, msgspec.Meta(ge=0, le=86_400)]


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


class Witnesses(Record, frozen=True):
    quorum: Annotated[int, msgspec.Meta(ge=1, le=bounds.WITNESSES)]
    members: list[NamedKey]


class Log(Record, frozen=True):
    origin: str
    key: Key


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


def parse_manifest(data: bytes) -> Manifest:
    """Parses entry 0. Raises ManifestInvalid."""
    try:
        manifest = decode(data, Manifest)
    except RecordInvalid as error:
        raise ManifestInvalid(str(error)) from None
    check_manifest(manifest)
    return manifest


def encode_manifest(manifest: Manifest) -> bytes:
    check_manifest(manifest)
    return encode(manifest)


def referendum_id(data: bytes) -> bytes:
    """32 bytes: the SHA-256 of the manifest's canonical bytes."""
    return hashlib.sha256(data).digest()


def cast_ballot_bytes(manifest: Manifest) -> int:
    """The exact length of every cast ballot of this referendum."""
    size = 1 + 32
    for question in manifest.questions:
        options, most = len(question.options), question.max_choices
        proofs = [2] * options + ([most + 1] if most < options else [])
        size += options * CIPHERTEXT_BYTES
        size += sum(2 * branches * POINT_BYTES + (2 * branches - 1) * SCALAR_BYTES for branches in proofs)
    return size + 32 + 32 + MODULUS_BYTES * len(manifest.registrars) + 4 + 64


def _fail(field: str, problem: str) -> None:
    raise ManifestInvalid(f"{field}: {problem}")


def check_manifest(manifest: Manifest) -> None:
    """The rules that types alone cannot hold. Raises ManifestInvalid, naming the field."""
    _check_texts(manifest)
    _check_questions(manifest)
    _check_times(manifest)
    _check_parties(manifest)
    if not manifest.eligibility.postcodes or any(
        not re.fullmatch(r"[1-9][0-9]{3}", code) for code in manifest.eligibility.postcodes
    ):
        _fail("eligibility.postcodes", "list at least one Belgian postcode of four digits")
    if manifest.rules.minimum_participants > manifest.eligibility.official_count:
        _fail("rules.minimum_participants", "more than the official count can never be reached")
    if (size := cast_ballot_bytes(manifest)) > bounds.ENTRY_BYTES:
        _fail("questions", f"a ballot would be {size} bytes and a log entry holds {bounds.ENTRY_BYTES}; ask less")
    if manifest.binding:
        _check_binding(manifest)


def _check_texts(manifest: Manifest) -> None:
    languages = manifest.languages
    if not 1 <= len(languages) <= bounds.LANGUAGES or len(set(languages)) != len(languages):
        _fail("languages", f"list 1 to {bounds.LANGUAGES} different language codes")
    if any(not re.fullmatch(r"[a-z]{2}", language) for language in languages):
        _fail("languages", "a language is a code of two lower-case letters, like nl")
    everything = [("title", manifest.title), ("eligibility.description", manifest.eligibility.description)]
    for number, question in enumerate(manifest.questions, 1):
        everything.append((f"question {number}", question.text))
        everything += [(f"question {number}, option {k}", o.text) for k, o in enumerate(question.options, 1)]
    for field, texts in everything:
        if set(texts) != set(languages):
            _fail(field, f"needs a text in each of {', '.join(languages)} and in no other language")
        if any(not text.strip() or len(text) > bounds.TEXT_CHARACTERS for text in texts.values()):
            _fail(field, f"a text is empty or longer than {bounds.TEXT_CHARACTERS} characters")


def _check_questions(manifest: Manifest) -> None:
    if not 1 <= len(manifest.questions) <= bounds.QUESTIONS:
        _fail("questions", f"ask 1 to {bounds.QUESTIONS} questions")
    for number, question in enumerate(manifest.questions, 1):
        field, options = f"question {number}", len(question.options)
        if not 1 <= options <= bounds.OPTIONS or question.max_choices > options:
            _fail(field, f"needs 1 to {bounds.OPTIONS} options, and max_choices not above their number")
        for language in manifest.languages:
            texts = [option.text[language] for option in question.options]
            if len(set(texts)) != len(texts):
                _fail(field, f"two options have the same text in {language}")
        if question.kind == "yes-no":
            if options != 2 or question.max_choices != 1 or question.accepts not in (0, 1):
                _fail(field, "a yes-no question has two options, max_choices 1, and accepts 0 or 1")
        elif question.accepts is not None:
            _fail(field, "only a yes-no question has an accepting option")


def _check_times(manifest: Manifest) -> None:
    opens, closes = manifest.opens_at, manifest.closes_at
    if not 0 < opens < closes < bounds.LATEST_TIME:
        _fail("closes", "the referendum must close after it opens")
    if manifest.batching.quiet_seconds >= closes - opens:
        _fail("batching.quiet_seconds", "the quiet time is as long as the voting itself")
    try:
        if date.fromisoformat(manifest.eligibility.reference_date).isoformat() != manifest.eligibility.reference_date:
            raise ValueError
    except ValueError:
        _fail("eligibility.reference_date", "write it like 2019-10-14")


def _check_parties(manifest: Manifest) -> None:
    trustees, witnesses = manifest.trustees, manifest.witnesses
    sizes: list[tuple[str, Sequence[NamedKey | Registrar], int, int]] = [
        ("trustees", trustees.members, 1, bounds.TRUSTEES),
        ("registrars", manifest.registrars, 1, bounds.REGISTRARS),
        ("witnesses", witnesses.members, 1, bounds.WITNESSES),
        ("officers", manifest.officers, 2, bounds.OFFICERS),
    ]
    for field, members, least, most in sizes:
        if not least <= len(members) <= most:
            _fail(field, f"needs {least} to {most} members")
        if len({member.name for member in members}) != len(members):
            _fail(field, "two members have the same name")
        if any(not _NAME.match(member.name) for member in members):
            _fail(field, "a name is up to 100 of letters, digits, dot, dash, underscore and slash")
    if trustees.threshold > len(trustees.members):
        _fail("trustees.threshold", "is above the number of trustees")
    if witnesses.quorum > len(witnesses.members):
        _fail("witnesses.quorum", "is above the number of witnesses")
    if not _ORIGIN.match(manifest.log.origin):
        _fail("log.origin", "write it like stembus.example.org/2019-car-free-sunday")
    if any(witness.name == manifest.log.origin for witness in witnesses.members):
        _fail("witnesses", "a witness cannot have the log's own name")
    groups = (trustees.members, manifest.registrars, witnesses.members, manifest.officers)
    keys = [member.key for group in groups for member in group]
    keys += [manifest.box.key, manifest.log.key, manifest.client.key]
    if len(set(keys)) != len(keys):
        _fail("keys", "two parties have the same key; each makes its own")
    try:
        for key in keys:
            check_ed25519_key(bytes.fromhex(key))
        blind = [BlindPublicKey.from_spki(bytes.fromhex(r.blind_key)).modulus for r in manifest.registrars]
    except EncodingInvalid as error:
        _fail("keys", str(error))
    if len(set(blind)) != len(blind):
        _fail("registrars", "two registrars have the same blind-signing key")


def _origin(url: str) -> tuple[str | None, int]:
    try:
        return urlsplit(url).hostname, urlsplit(url).port or 443
    except ValueError:
        raise ManifestInvalid(f"url: {url[:100]!r} is not an address") from None


def _check_binding(manifest: Manifest) -> None:
    def demand(holds: bool, field: str, problem: str) -> None:
        if not holds:
            _fail(field, problem + " in a binding referendum")

    demand(manifest.clock == "real", "clock", "must be real")
    floor, batching, factor = manifest.privacy_floor, manifest.batching, manifest.second_factor
    demand(min(floor.online, floor.paper) >= bounds.BINDING_FLOOR, "privacy_floor", "must be at least 30")
    demand(batching.minimum_seconds >= bounds.BINDING_BATCH_SECONDS, "batching.minimum_seconds", "must be at least 600")
    demand(batching.minimum_tokens >= bounds.BINDING_BATCH_TOKENS, "batching.minimum_tokens", "must be at least 50")
    demand(
        factor.memory_kib >= bounds.BINDING_ARGON2_KIB and factor.passes >= bounds.BINDING_ARGON2_PASSES,
        "second_factor",
        "must cost at least 19456 KiB and 2 passes",
    )
    demand(2 * manifest.trustees.threshold > len(manifest.trustees.members), "trustees", "need 2t > n")
    demand(2 * manifest.witnesses.quorum > len(manifest.witnesses.members), "witnesses", "need a quorum above half")
    urls = [r.url for r in manifest.registrars] + [manifest.box.url, manifest.client.url]
    demand(all(url.startswith("https://") for url in urls), "url", "must start with https://")
    origins = {_origin(url) for url in urls}
    demand(len(origins) == len(urls), "url", "registrars, ballot box and client need separate origins")

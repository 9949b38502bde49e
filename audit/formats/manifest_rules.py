"""The rules that a manifest must keep, for a rehearsal and for a binding referendum.

Decides which definitions are accepted, and is the only way from bytes to a manifest. Each refusal names the field
and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from stembus.audit import bounds
from stembus.audit.errors import ManifestInvalid, RecordInvalid
from stembus.audit.formats.address import Address, parse_address
from stembus.audit.formats.canonical import decode, encode
from stembus.audit.formats.manifest import (
    MLDSA44,
    Eligibility,
    Manifest,
    NamedKey,
    Question,
    Registrar,
    WitnessMember,
    cast_ballot_bytes,
)
from stembus.audit.formats.text import same_spaces, text_problem
from stembus.crypto.blind_rsa import BlindPublicKey
from stembus.crypto.errors import EncodingInvalid
from stembus.crypto.signing import check_ed25519_key, check_mldsa44_key

_ORIGIN = re.compile(r"\A[a-z0-9][a-z0-9.-]*(?:/[A-Za-z0-9._~-]+)*\Z")
_NAME = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._/-]{0,99}\Z")


def is_party_name(name: str) -> bool:
    """Whether a trustee, registrar, witness or officer may be called so."""
    return _NAME.match(name) is not None


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


def _fail(field: str, problem: str) -> None:
    raise ManifestInvalid(f"{field}: {problem}")


def check_manifest(manifest: Manifest) -> None:
    """The rules that types alone cannot hold. Raises ManifestInvalid, naming the field."""
    _check_texts(manifest)
    _check_questions(manifest)
    _check_times(manifest)
    _check_parties(manifest)
    _addresses(manifest)
    check_eligibility(manifest.eligibility)
    if manifest.rules.minimum_participants > manifest.eligibility.official_count:
        _fail("rules.minimum_participants", "more than the official count can never be reached")
    if manifest.max_casts * manifest.eligibility.official_count > bounds.BALLOTS:
        _fail("max_casts", f"times the official count is above {bounds.BALLOTS} ballots, more than a log holds")
    if (size := cast_ballot_bytes(manifest)) > bounds.ENTRY_BYTES:
        _fail("questions", f"a ballot would be {size} bytes and a log entry holds {bounds.ENTRY_BYTES}; ask less")
    if (size := len(encode(manifest))) > bounds.ENTRY_BYTES:
        _fail("manifest", f"would be {size} bytes, and a log entry holds {bounds.ENTRY_BYTES}; shorten its texts")
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
        if question.unit is not None:
            everything.append((f"question {number}, unit", question.unit))
    for field, texts in everything:
        if missing := [language for language in languages if language not in texts]:
            _fail(field, f"lacks a text in {', '.join(missing)}")
        if others := [name for name in texts if name not in languages]:
            _fail(field, f"holds {', '.join(others)}, which is no language of this referendum")
        for language, text in texts.items():
            if problem := text_problem(text, bounds.TEXT_CHARACTERS):
                _fail(f"{field}, in {language}", f"the text {problem}")


def _check_questions(manifest: Manifest) -> None:
    if not 1 <= len(manifest.questions) <= bounds.QUESTIONS:
        _fail("questions", f"ask 1 to {bounds.QUESTIONS} questions")
    for number, question in enumerate(manifest.questions, 1):
        field, options = f"question {number}", len(question.options)
        if not 1 <= options <= bounds.OPTIONS:
            _fail(field, f"needs 1 to {bounds.OPTIONS} options, and has {options}")
        if question.max_choices > options:
            _fail(field, f"has {options} options, and max_choices is {question.max_choices}")
        for language in manifest.languages:
            texts = [same_spaces(option.text[language]) for option in question.options]
            if twice := [text for text in texts if texts.count(text) > 1]:
                _fail(field, f"two options have the same text in {language}: {twice[0][:50]!r}")
        if question.kind == "yes-no":
            if options != 2 or question.max_choices != 1 or question.accepts not in (0, 1):
                _fail(field, "a yes-no question has two options, max_choices 1, and accepts 0 or 1")
        elif question.accepts is not None:
            _fail(field, "only a yes-no question has an accepting option")
        _check_budget(field, question)


def _check_budget(field: str, question: Question) -> None:
    costs = [option.cost for option in question.options]
    parts: dict[str, object] = {name: getattr(question, name) for name in ("budget", "unit", "funding")}
    parts |= {f"a cost of option {number}": cost for number, cost in enumerate(costs, 1)}
    there = [name for name, part in parts.items() if part is not None]
    if question.kind != "budget":
        if there:
            _fail(field, f"only a question of the kind budget has {', '.join(there)}")
        return
    if missing := [name for name in parts if name not in there]:
        _fail(field, f"a budget also needs {', '.join(missing)}")
    if dear := [k for k, cost in enumerate(costs, 1) if cost is not None and cost > (question.budget or 0)]:
        _fail(f"{field}, option {dear[0]}", "costs more than the whole budget, so nobody could choose it")


def _check_times(manifest: Manifest) -> None:
    for field in ("opens", "closes"):
        try:
            getattr(manifest, f"{field}_at")
        except ManifestInvalid as error:
            _fail(field, str(error))
    opens, closes = manifest.opens_at, manifest.closes_at
    if not 0 < opens < closes < bounds.LATEST_TIME:
        _fail("closes", "the referendum must close after it opens")
    if manifest.batching.quiet_seconds >= closes - opens:
        _fail("batching.quiet_seconds", "the quiet time is as long as the voting itself")


def check_eligibility(rule: Eligibility) -> None:
    """Raises ManifestInvalid, naming the field."""
    postcodes = rule.postcodes
    if not 1 <= len(postcodes) <= bounds.POSTCODES or any(not re.fullmatch(r"[1-9][0-9]{3}", p) for p in postcodes):
        _fail("eligibility.postcodes", f"list 1 to {bounds.POSTCODES} Belgian postcodes of four digits")
    for field, day in (("age_date", rule.age_date), ("residence_date", rule.residence_date)):
        try:
            if date.fromisoformat(day).isoformat() != day:
                raise ValueError
        except ValueError:
            _fail(f"eligibility.{field}", "write it like 2019-10-14")


def _check_parties(manifest: Manifest) -> None:
    trustees, witnesses = manifest.trustees, manifest.witnesses
    sizes: list[tuple[str, Sequence[NamedKey | Registrar | WitnessMember], int, int]] = [
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
        if not all(is_party_name(member.name) for member in members):
            _fail(field, "a name is up to 100 of letters, digits, dot, dash, underscore and slash")
    if trustees.threshold > len(trustees.members):
        _fail("trustees.threshold", "is above the number of trustees")
    if witnesses.quorum > len(witnesses.members):
        _fail("witnesses.quorum", "is above the number of witnesses")
    if not _ORIGIN.match(manifest.log.origin) or len(manifest.log.origin) > bounds.ORIGIN_CHARACTERS:
        _fail("log.origin", "write it like stembus.example.org/2019-car-free-sunday")
    if any(witness.name == manifest.log.origin for witness in witnesses.members):
        _fail("witnesses", "a witness cannot have the log's own name")
    groups = (trustees.members, manifest.registrars, witnesses.members, manifest.officers)
    keys = [member.key for group in groups for member in group]
    keys += [manifest.box.key, manifest.log.key, manifest.client.key]
    if len(set(keys)) != len(keys):
        _fail("keys", "two parties have the same key; each makes its own")
    try:
        for key in (bytes.fromhex(key) for key in keys if not key.startswith(MLDSA44)):
            check_ed25519_key(key)
        for witness in witnesses.members:
            if witness.key.startswith(MLDSA44):
                check_mldsa44_key(witness.public)
        blind = [BlindPublicKey.from_spki(bytes.fromhex(r.blind_key)).modulus for r in manifest.registrars]
    except EncodingInvalid as error:
        _fail("keys", str(error))
    if len(set(blind)) != len(blind):
        _fail("registrars", "two registrars have the same blind-signing key")


def _addresses(manifest: Manifest) -> list[Address]:
    urls = {f"registrar {number}, url": registrar.url for number, registrar in enumerate(manifest.registrars, 1)}
    urls |= {"box, url": manifest.box.url, "client, url": manifest.client.url}
    addresses = []
    for field, url in urls.items():
        try:
            addresses.append(parse_address(url))
        except RecordInvalid as error:
            _fail(field, str(error))
    return addresses


def _check_binding(manifest: Manifest) -> None:
    def demand(holds: bool, field: str, problem: str) -> None:
        if not holds:
            _fail(field, problem + " in a binding referendum")

    demand(manifest.clock == "real", "clock", "must be real")
    floor, batching, factor = manifest.privacy_floor, manifest.batching, manifest.second_factor
    demand(min(floor.online, floor.paper) >= bounds.BINDING_FLOOR, "privacy_floor", "must be at least 30")
    demand(batching.minimum_seconds >= bounds.BINDING_BATCH_SECONDS, "batching.minimum_seconds", "must be at least 600")
    demand(batching.minimum_tokens >= bounds.BINDING_BATCH_TOKENS, "batching.minimum_tokens", "must be at least 50")
    healing = batching.healing_seconds >= bounds.BINDING_HEALING_SECONDS
    demand(healing, "batching.healing_seconds", "must be at least 900")
    demand(
        factor.memory_kib >= bounds.BINDING_ARGON2_KIB and factor.passes >= bounds.BINDING_ARGON2_PASSES,
        "second_factor",
        "must cost at least 19456 KiB and 2 passes",
    )
    demand(2 * manifest.trustees.threshold > len(manifest.trustees.members), "trustees", "need 2t > n")
    demand(2 * manifest.witnesses.quorum > len(manifest.witnesses.members), "witnesses", "need a quorum above half")
    addresses = _addresses(manifest)
    demand(all(address.scheme == "https" for address in addresses), "url", "must start with https://")
    separate = len(set(addresses)) == len(addresses)
    demand(separate, "url", "registrars, ballot box and client need separate origins")

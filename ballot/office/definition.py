"""From a draft in TOML and the parties' public keys to the manifest.

Decides how an official writes a referendum down, and that a voter can tell its options apart. Leaves the rules that
auditors check too to `audit.formats.manifest_rules`, which names the field that breaks one.
"""

from __future__ import annotations

import json
import tomllib
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import msgspec

from stembus.audit.errors import ManifestInvalid
from stembus.audit.formats.manifest import Eligibility, Manifest
from stembus.audit.formats.manifest_rules import check_eligibility, check_manifest
from stembus.ballot.errors import DefinitionInvalid
from stembus.ballot.office.draft_errors import draft_problem, manifest_problem, toml_problem
from stembus.ballot.office.look_alike import look_alike
from stembus.crypto.sealed import is_sealed

DRAFT = """\
# A referendum, as a draft. Edit, then: stembus check DIR

binding = {binding}               # false: a rehearsal, marked as such everywhere
clock = "{clock}"              # real, or simulated (rehearsals only)
languages = ["nl", "en", "fr"]   # the first one is the one that counts
opens = "{opens}"
closes = "{closes}"
grace_seconds = 300           # late ballots are still taken this long after the close
complaint_seconds = 0         # so long after the close people can complain, before anything is counted
sample_size = {sample_size}             # so many are drawn after the close, to be asked whether they voted; 0: nobody
max_casts = 5                 # a voter may replace the vote; the last one counts

[title]
nl = "Autovrije zondag in de binnenstad"
en = "A car-free Sunday in the city centre"
fr = "Un dimanche sans voitures au centre-ville"

[[questions]]
kind = "yes-no"               # or "choose", with max_choices; or "budget": see the official's guide
max_choices = 1
accepts = 1                   # which option accepts, counted from 0
[questions.text]
nl = "Wil je elke maand een autovrije zondag in de binnenstad?"
en = "Do you want a monthly car-free Sunday in the city centre?"
fr = "Voulez-vous un dimanche sans voitures chaque mois au centre-ville ?"
[[questions.options]]
text = {{ nl = "Nee", en = "No", fr = "Non" }}
[[questions.options]]
text = {{ nl = "Ja", en = "Yes", fr = "Oui" }}

[eligibility]
minimum_age = 16
age_date = "{reference_date}"         # the age counts on this day
residence_date = "{reference_date}"   # and who is registered: take the register's extract of this day
postcodes = ["8500", "8501", "8510", "8511"]
official_count = {official_count}      # who may vote, as the population service says
[eligibility.description]
nl = "Wie 16 jaar of ouder is en in Kortrijk woont"
en = "Everyone aged 16 or over and registered in Kortrijk"
fr = "Toute personne de 16 ans ou plus, inscrite à Courtrai"

[rules]
minimum_participants = {minimum_participants}
minimum_margin_permille = 25   # yes and no must differ by 2.5 percentage points
count_below_minimum = true     # false: below the minimum nothing is decrypted

[privacy_floor]                # the fewest ballots that may be counted apart
online = {floor}
paper = {floor}

[batching]                     # between two publications of ballots
minimum_seconds = {batch_seconds}
minimum_tokens = {batch_tokens}
quiet_seconds = {quiet_seconds}           # none in the last hour before the close
healing_seconds = {healing_seconds}          # after the last one, who misses a promised ballot can hand it in again

[second_factor]
kind = "birth-date"            # or national-number
memory_kib = {memory_kib}             # Argon2id
passes = {passes}

[parties]
trustee_threshold = {threshold}          # so many trustees decrypt together
witness_quorum = {quorum}
log_origin = "{origin}"
registrar_urls = ["https://registrar.example.org"]
box_url = "https://box.example.org"
client_url = "https://vote.example.org"
"""


def read_draft(path: Path) -> dict[str, Any]:
    text = ""
    try:
        text = path.read_text(encoding="utf-8-sig")
        return tomllib.loads(text)
    except FileNotFoundError:
        raise DefinitionInvalid(f"there is no draft {path}; make one with stembus new") from None
    except UnicodeDecodeError:
        raise DefinitionInvalid(f"{path} is not in UTF-8: save it with that encoding") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DefinitionInvalid(f"{path} is not valid TOML: {toml_problem(str(error), text)}") from None


def read_keys(folder: Path) -> dict[str, dict[str, str]]:
    """The public key files by party: trustee-1, officer-2, box, ..."""
    keys: dict[str, dict[str, str]] = {}
    for path in sorted(folder.glob("*.json")):
        if is_sealed(path.read_bytes()):
            raise DefinitionInvalid(
                f"{path} is a secret key file, which nobody but its party may have: delete it, tell them to make a new "
                "key, and ask for the public part"
            )
        try:
            keys[path.stem] = {str(k): str(v) for k, v in json.loads(path.read_text(encoding="ascii")).items()}
        except (ValueError, AttributeError, UnicodeDecodeError):
            raise DefinitionInvalid(f"{path} is not a public key file") from None
    return keys


def _members(keys: dict[str, dict[str, str]], role: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    while (party := keys.get(f"{role}-{len(found) + 1}")) is not None:
        found.append(party)
    if not found:
        others = ", or take those that run elsewhere: stembus log witnesses DIR POLICY" if role == "witness" else ""
        raise DefinitionInvalid(f"there is no key of a {role}; make one with: stembus key make DIR {role}-1{others}")
    counted = {f"{role}-{number}" for number in range(1, len(found) + 1)}
    if lost := sorted(party for party in keys if party.partition("-")[0] == role and party not in counted):
        missing = f"{role}-{len(found) + 1}"
        raise DefinitionInvalid(f"there is a key of {', '.join(lost)} and none of {missing}; number them without gaps")
    return found


def _single(keys: dict[str, dict[str, str]], role: str) -> str:
    if role not in keys:
        raise DefinitionInvalid(f"there is no key of the {role}; make one with: stembus key make {role}")
    return keys[role]["key"]


def make_manifest(draft: dict[str, Any], keys: dict[str, dict[str, str]]) -> Manifest:
    """Raises DefinitionInvalid or ManifestInvalid, naming field or party."""
    data = dict(draft)
    try:
        parties = data.pop("parties")
        registrars = _members(keys, "registrar")
        if not isinstance(parties, dict) or not isinstance(urls := parties["registrar_urls"], list):
            raise DefinitionInvalid("the draft does not fit: [parties] needs registrar_urls, a list of addresses")
        if len(urls) != len(registrars):
            raise DefinitionInvalid(f"{len(registrars)} registrar keys and {len(urls)} parties.registrar_urls")
        data["trustees"] = {"threshold": parties["trustee_threshold"], "members": _named(keys, "trustee")}
        data["witnesses"] = {"quorum": parties["witness_quorum"], "members": _named(keys, "witness")}
        data["officers"] = _named(keys, "officer")
        data["registrars"] = [
            {"name": r["name"], "blind_key": r["blind_key"], "key": r["key"], "url": url}
            for r, url in zip(registrars, urls, strict=True)
        ]
        data["box"] = {"key": _single(keys, "box"), "url": parties["box_url"]}
        data["client"] = {"key": _single(keys, "client"), "url": parties["client_url"]}
        data["log"] = {"origin": parties["log_origin"], "key": _single(keys, "log")}
    except KeyError as error:
        raise DefinitionInvalid(f"[parties] of the draft, or a key file, lacks {error}") from None
    data["questions"] = [whole_question(question) for question in _parts(data.get("questions"), "[[questions]]")]
    data |= {"type": "manifest", "version": 1}
    try:
        manifest = msgspec.convert(data, Manifest, strict=True)
    except msgspec.ValidationError as error:
        raise DefinitionInvalid(f"the draft does not fit: {draft_problem(str(error))}") from None
    try:
        check_manifest(manifest)
    except ManifestInvalid as error:
        raise ManifestInvalid(manifest_problem(str(error))) from None
    try:
        _check_looks(manifest)
    except ModuleNotFoundError as error:
        raise DefinitionInvalid(
            f"this step needs the officials' parts ({error.name}); in a copy of the sources: pip install '.[officials]'"
        ) from None
    return manifest


def who_may_vote(draft: dict[str, Any]) -> tuple[Eligibility, list[str]]:
    """The rule of eligibility, and the languages, of a draft whose other parts may still be missing. Raises
    DefinitionInvalid or ManifestInvalid."""
    try:
        part = msgspec.convert(draft, _Rule, strict=True)
    except msgspec.ValidationError as error:
        raise DefinitionInvalid(f"the draft does not fit: {draft_problem(str(error))}") from None
    check_eligibility(part.eligibility)
    return part.eligibility, part.languages


class _Rule(msgspec.Struct):
    """Of a draft."""

    eligibility: Eligibility
    languages: Annotated[list[str], msgspec.Meta(min_length=1)]


def _parts(written: Any, head: str) -> list[dict[str, Any]]:
    """A list of parts that each begin with `head`. Raises DefinitionInvalid."""
    if not isinstance(written, list) or not all(isinstance(part, dict) for part in written):
        what = "question" if head == "[[questions]]" else "option"
        raise DefinitionInvalid(f"the draft does not fit: each {what} begins with a line {head}, and there is none")
    return written


def whole_question(question: dict[str, Any]) -> dict[str, Any]:
    """With what its kind does not have left out in the draft. Raises DefinitionInvalid."""
    absent: dict[str, Any] = {"accepts": None, "budget": None, "unit": None, "funding": None}
    options = [{"cost": None, **option} for option in _parts(question.get("options"), "[[questions.options]]")]
    if question.get("kind") == "budget":
        absent["max_choices"] = len(options)
    return {**absent, **question, "options": options}


def _check_looks(manifest: Manifest) -> None:
    for number, question in enumerate(manifest.questions, 1):
        for language in manifest.languages:
            texts = [option.text[language] for option in question.options]
            for (first, one), (second, other) in combinations(enumerate(texts, 1), 2):
                if look_alike(one, other):
                    raise ManifestInvalid(
                        f"question {number}: options {first} and {second} look alike in {language} ({one[:50]!r} and "
                        f"{other[:50]!r}); a voter must see the difference at once"
                    )


def _named(keys: dict[str, dict[str, str]], role: str) -> list[dict[str, str]]:
    return [{"name": party["name"], "key": party["key"]} for party in _members(keys, role)]

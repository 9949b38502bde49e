"""What an entry may say, as far as manifest and log so far can tell: one rule for each type.

Each rule takes what it needs and returns a sentence that says what is wrong, or None. The log writer asks before it
signs, and the verifier asks again. Decides contents only: forms are in `formats`, the order in `state_machine`, and the
key ceremony's messages are judged in `verify.ceremony`. What a finding means for the result is the verifier's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence, Set
from itertools import accumulate
from operator import mul

from stembus.audit import bounds
from stembus.audit.errors import PlaceError
from stembus.audit.formats.entries import issuance_digest, issued_digest
from stembus.audit.formats.entry_bodies import Batch, Client, Close, Minutes, Open, PaperResult, Purge, Roll
from stembus.audit.formats.file_name import is_client_path, is_document_name, is_release
from stembus.audit.formats.lists import issuance_path, parse_issued, parse_keys, struck_path
from stembus.audit.formats.manifest import Manifest, Question, Texts
from stembus.audit.formats.text import text_problem
from stembus.audit.log.source import Place
from stembus.crypto.errors import SignatureInvalid
from stembus.crypto.signing import verify_ed25519

DOCUMENTS = "documents/"
_DOCUMENT_BYTES = 64 * 1024**2


def reading_problem(text: str) -> str | None:
    """What people read is a text as docs/protocol.md, section 3.7, has it."""
    problem = text_problem(text, bounds.TEXT_CHARACTERS)
    return f"a text {problem}" if problem else None


def texts_problem(manifest: Manifest, text: Texts, before: Texts | None = None) -> str | None:
    """Of an incident or a cancellation; `before` is the text of the incident before this one."""
    languages = manifest.languages
    if languages[0] not in text or not set(text) <= set(languages):
        return f"its text is in {languages[0]}, and in languages of the manifest"
    for language in text:
        if problem := reading_problem(text[language]):
            return f"{problem} ({language})"
    return "the incident before it has the same text" if text == before else None


def roll_problem(manifest: Manifest, body: Roll) -> str | None:
    official = manifest.eligibility.official_count
    return f"a roll of {body.count} people where {official} are official" if body.count != official else None


def client_problem(body: Client) -> str | None:
    paths = [file.path for file in body.files]
    if not is_release(body.release) or not all(map(is_client_path, paths)):
        return "a release or a path of the client that is not a plain name"
    if not paths or paths != sorted(set(paths)):
        return "the client's files are listed once each, sorted"
    return None


def open_problem(election_key: bytes | None, body: Open) -> str | None:
    """`election_key` is the raw entry."""
    if election_key is None or hashlib.sha256(election_key).hexdigest() != body.election_key:
        return "voting was opened for another election key"
    return None


def batch_problem(body: Batch) -> str | None:
    return None if body.size else "an empty batch"


def counts_problem(manifest: Manifest, referendum: bytes, body: Batch, before: Sequence[int]) -> str | None:
    """The registrars' statements in a batch header; `before` are the counts of the batch before."""
    if len(body.issued) != len(manifest.registrars):
        return "a batch states one issuance count for each registrar"
    for number, (statement, registrar) in enumerate(zip(body.issued, manifest.registrars, strict=True), 1):
        try:
            digest = issued_digest(referendum, number, body.number, statement.count)
            verify_ed25519(bytes.fromhex(registrar.key), digest, bytes.fromhex(statement.signature))
        except SignatureInvalid:
            return f"registrar {number} did not sign this issuance count"
        if statement.count < before[number - 1]:
            return f"registrar {number}'s issuance count went down"
    return None


def issuance_problem(manifest: Manifest, referendum: bytes, body: Close) -> str | None:
    """The registrars' final statements."""
    if len(body.issuance) != len(manifest.registrars):
        return "the close states one issuance for each registrar"
    for number, (statement, registrar) in enumerate(zip(body.issuance, manifest.registrars, strict=True), 1):
        issued = statement.count, bytes.fromhex(statement.root)
        struck = statement.struck, bytes.fromhex(statement.struck_root)
        try:
            digest = issuance_digest(referendum, number, issued, struck)
            verify_ed25519(bytes.fromhex(registrar.key), digest, bytes.fromhex(statement.signature))
        except SignatureInvalid:
            return f"registrar {number} did not sign its issuance"
    return None


def excess_problem(manifest: Manifest, body: Close) -> str | None:
    for number, statement in enumerate(body.issuance, 1):
        if statement.count > manifest.eligibility.official_count:
            return f"registrar {number} issued more tokens than there are voters"
    return None


def may_vote_on_paper(issued: Sequence[Set[bytes]], struck: Sequence[Set[bytes]]) -> set[bytes]:
    """Credentials of those whom registrar 1 struck and every other one struck too, unless it had signed their token
    before: each token needs another line of registrar 1's, so nobody votes twice (docs/protocol.md, 14.6). Both have a
    set for each registrar."""
    others = [signed | out for signed, out in zip(issued[1:], struck[1:], strict=True)]
    return set(struck[0]).intersection(*others)


def struck_voters(place: Place, manifest: Manifest) -> int:
    """How many people may vote on paper, by the lists beside a closed log. Raises PlaceError, RecordInvalid."""
    most, numbers = manifest.eligibility.official_count, range(1, len(manifest.registrars) + 1)
    issued = [
        {line.credential for line in parse_issued(place.lines(issuance_path(k), bounds.ISSUED_LINE_BYTES * most))}
        for k in numbers
    ]
    struck = [set(parse_keys(place.lines(struck_path(k), bounds.KEY_LINE_BYTES * most))) for k in numbers]
    return len(may_vote_on_paper(issued, struck))


def paper_ballots_problem(manifest: Manifest, ballots: int, struck: int) -> str | None:
    """Of paper ballots that are encrypted: fewer than may be counted apart, and no more than `struck` voters."""
    if ballots > struck:
        return f"{ballots} paper ballots where {struck} voters were struck for paper"
    if not 0 < ballots < manifest.privacy_floor.paper:
        most = manifest.privacy_floor.paper - 1
        return f"from 1 to {most} paper ballots are encrypted, by the privacy floor, and not {ballots}: state counts"
    return None


def paper_problem(manifest: Manifest, body: PaperResult, struck: int) -> str | None:
    if body.ballots > struck:
        return f"{body.ballots} paper ballots where {struck} voters were struck for paper"
    if 0 < body.ballots < manifest.privacy_floor.paper:
        return f"{body.ballots} paper ballots are below the privacy floor of {manifest.privacy_floor.paper}"
    return paper_counts_problem(manifest, body)


def has_shape(manifest: Manifest, counts: Sequence[Sequence[int]]) -> bool:
    """Whether there is one count for each option of each question."""
    return [len(row) for row in counts] == [len(question.options) for question in manifest.questions]


def paper_counts_problem(manifest: Manifest, body: PaperResult) -> str | None:
    """Whether so many ballots can hold these counts."""
    if not has_shape(manifest, body.counts):
        return "the paper counts do not have the shape of the questions"
    for number, (counts, question) in enumerate(zip(body.counts, manifest.questions, strict=True), 1):
        if any(count > body.ballots for count in counts) or sum(counts) > body.ballots * question.max_choices:
            return f"question {number} counts more choices than the paper ballots can hold"
        if question.budget is not None and (
            problem := _budget_problem(question, question.budget, body.ballots, counts)
        ):
            return f"question {number} counts {problem}"
    return None


def _budget_problem(question: Question, budget: int, ballots: int, counts: Sequence[int]) -> str | None:
    """What no ballots within the budget can hold. Necessary, and not enough: to say for certain whether ballots can
    hold such counts is a packing problem."""
    costs = [option.cost or 0 for option in question.options]
    if sum(map(mul, counts, costs)) > ballots * budget:
        return "choices that cost more than the paper ballots can spend"
    if sum(counts) > ballots * sum(spent <= budget for spent in accumulate(sorted(costs))):
        return "more choices than the paper ballots can pay for, even of the cheapest projects"
    for option, own in enumerate(costs):
        # Of these no two can be on one ballot.
        others = [k for k, cost in enumerate(costs) if k != option and 2 * cost > budget and cost + own > budget]
        if counts[option] + sum(counts[k] for k in others) > ballots:
            return "projects of which no two are within the budget more often than there are paper ballots"
    return None


def name_problem(body: Minutes, earlier: Collection[str]) -> str | None:
    """`earlier` are the names of documents that the log holds."""
    if not is_document_name(body.name):
        return "a document's name is not a plain file name"
    if body.name.lower() in {name.lower() for name in earlier}:
        return "an earlier document has this name, in capitals or not"
    return None


def document_problem(place: Place, body: Minutes) -> str | None:
    """Raises PlaceError for a document that is missing, or cannot be read."""
    data = place.read(DOCUMENTS + body.name, _DOCUMENT_BYTES)
    if hashlib.sha256(data).hexdigest() != body.sha256:
        return "not the document whose hash stands in the log"
    return None


def present_problem(place: Place, body: Minutes, earlier: Collection[str]) -> str | None:
    """The whole rule for minutes, in one sentence. Raises CannotRead."""
    if problem := name_problem(body, earlier):
        return problem
    try:
        problem = document_problem(place, body)
    except PlaceError as error:
        return f"the document must be there first: {error}"
    return f"{DOCUMENTS}{body.name} is {problem}" if problem else None


def purge_problem(body: Purge) -> str | None:
    return next((problem for text in body.destroyed if (problem := reading_problem(text))), None)

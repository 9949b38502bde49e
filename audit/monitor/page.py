"""A monitor's page: for voters in their languages how it stands and a place to hand in a file; details below.

Decides what is shown, and the script that sends a file as it is: without a library on either side, since a form would
pack it into a format that somebody must take apart again. Shows no ballot's number, no address, no person.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape

from stembus.audit.formats.manifest import Manifest
from stembus.audit.monitor.hand_in import FILE_BYTES
from stembus.audit.monitor.handed import BROUGHT, Handed
from stembus.audit.monitor.vantage import Word
from stembus.audit.monitor.watch import Relayed, Round
from stembus.audit.monitor.words import EMPTY, NAMES, TOO_LONG, UNREACHED, WORDS, Words
from stembus.audit.verify.promised_ballot import Verdict

_SILENCE = (Word.SILENT, Word.MISSING)
_STYLE = (
    "body{font:1rem/1.5 sans-serif;max-width:46rem;margin:0 auto;padding:1rem;color:#111;background:#fff}"
    "li{margin:.3rem 0;overflow-wrap:anywhere}section{border-top:1px solid #777;margin-top:1.5rem}"
    "h2{border-left:.5rem solid;padding-left:.6rem}.calm{border-color:#17702c}.doubt{border-color:#8a5a00}"
    ".alarm{border-color:#b00020}button,input{font:inherit;max-width:100%}"
)
_SCRIPT = f"""
for (const part of document.querySelectorAll("form[data-{UNREACHED}]")) {{
  const input = part.querySelector("input"), said = part.querySelector("output");
  part.addEventListener("submit", async (event) => {{
    event.preventDefault();
    const file = input.files[0];
    const tell = (status) => {{
      const text = part.getAttribute(`data-${{status}}`) ?? part.getAttribute("data-{UNREACHED}");
      said.textContent = file ? `${{file.name}}: ${{text}}` : text;
    }};
    if (!file) return tell({EMPTY});
    if (file.size > {FILE_BYTES}) return tell({TOO_LONG});
    said.textContent = "…";
    const answer = await fetch("hand-in", {{ method: "POST", body: file }}).catch(() => null);
    tell(answer?.status ?? {UNREACHED});
  }});
}}
"""
SCRIPT_SOURCE = f"'sha256-{base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode('ascii')}'"


def page(
    seen: Round | None, proofs: Sequence[str], manifest: Manifest | None, late: bool, taking: bool, turned_away: int
) -> str:
    """`proofs` are names of files of evidence; `manifest` is of the log that was verified last; `late`: the last look
    is long ago; `taking`: files are taken, of which `turned_away` had no room."""
    if seen is None:
        return _whole(
            "Monitor", ["<h1>Monitor of a referendum</h1><p>Nothing was seen yet; the first look is under way.</p>"]
        )
    alarms, doubts = list(seen.alarms()), [*seen.doubts(), *_own_doubts(seen, late, turned_away)]
    standing = 2 if alarms or proofs else 1 if doubts else 0
    languages = [language for language in manifest.languages if language in WORDS] if manifest is not None else []
    languages = languages or ["en"]
    title = manifest.title[manifest.languages[0]] if manifest is not None else "a referendum"
    parts = [f"<h1>Monitor: {escape(title)}</h1>"]
    if len(languages) > 1:
        links = " · ".join(f'<a href="#{one}" lang="{one}">{NAMES[one]}</a>' for one in languages)
        parts.append(f"<p>{links}</p>")
    for language in languages:
        parts += _for_voters(language, seen, standing, taking and manifest is not None)
    parts += _details(seen, alarms, doubts, proofs)
    return _whole(f"Monitor: {escape(title)}", [*parts, f"<script>{_SCRIPT}</script>"] if taking else parts)


def _own_doubts(seen: Round, late: bool, turned_away: int) -> Iterator[str]:
    if late:
        yield "the last look is long ago: see that the monitor runs"
    elsewhere = [sight for sight in seen.sights if sight.word is not Word.SPLIT]
    if elsewhere and all(sight.word in _SILENCE for sight in elsewhere):
        yield "none of the other places shows the log, so nothing could be compared"
    if turned_away:
        yield f"{turned_away} files that people brought were turned away, as there is no room for more"


def _for_voters(language: str, seen: Round, standing: int, taking: bool) -> Iterator[str]:
    words, kind = WORDS[language], ("calm", "doubt", "alarm")[standing]
    yield f'<section lang="{language}" id="{language}"><h2 class="{kind}">{escape(words.standing[standing])}</h2>'
    for heading, counts in ((words.ballots, _ballots(words, seen)), (words.promises, _promises(words, seen))):
        if counts:
            yield f"<h3>{escape(heading)}</h3>"
            yield from _list(escape(f"{text}: {count}") for text, count in counts.items())
    if taking:
        told = " ".join(f'data-{status}="{escape(text)}"' for status, text in words.answers.items())
        yield (
            f"<h3>{escape(words.heading)}</h3><p>{escape(words.text)}</p><form {told}>"
            f'<p><label>{escape(words.label)} <input type="file"></label></p>'
            f'<p><button>{escape(words.button)}</button></p><p><output aria-live="polite"></output></p></form>'
        )
    yield "</section>"


def _ballots(words: Words, seen: Round) -> Counter[str]:
    counts = Counter(words.states[one.state] for one in seen.brought)
    counts[words.states[Relayed.LOGGED]] += seen.settled[0]
    return +counts


def _promises(words: Words, seen: Round) -> Counter[str]:
    """Of those that were handed in, not of those that the monitor got itself."""
    counts = Counter(_promise(words, one) for one in seen.handed if not one.name.startswith(BROUGHT))
    counts[words.verdicts[Verdict.KEPT]] += seen.settled[1]
    return +counts


def _promise(words: Words, handed: Handed) -> str:
    if handed.fate is None:
        return words.no_promise
    return words.far if handed.far else words.verdicts[handed.fate.verdict]


def _details(seen: Round, alarms: list[str], doubts: list[str], proofs: Sequence[str]) -> Iterator[str]:
    report, figures = seen.report, seen.report.figures
    yield '<section lang="en"><h2>Details</h2>'
    yield from _list(escape(text) for text in (*alarms, *doubts))
    yield from _list(f'<a href="evidence/{name}">{name}</a>: the log\'s key signed two histories' for name in proofs)
    if seen.earlier:
        yield "<h3>Seen earlier, and not at the last look</h3>"
        yield from _list(escape(f"{text} (last at {_utc(moment)})") for text, moment in seen.earlier)
    yield f"<h3>The log</h3><p>{escape(report.outcome.word)}: {escape(report.outcome.sentence)}</p>"
    if report.log is not None:
        yield f"<p>Entries {figures.entries}, ballots {figures.ballots}.</p>"
    yield f"<p>Last look: {_utc(seen.ended)}.</p>"
    if seen.sights:
        yield "<h3>The log elsewhere</h3>"
        yield from _list(escape(f"{one.vantage.address}: {one.word.value}{_size(one.size)}") for one in seen.sights)
    if seen.pages:
        same = sum(one.differs is False for one in seen.pages)
        yield f"<h3>What voters are served</h3><p>{same} of {len(seen.pages)} files are those that the log names.</p>"
    if seen.decrypted:
        yield f"<h3>Decryptions that were handed in</h3><p>{escape(seen.decrypted)}.</p>"
    yield "</section>"


def _size(size: int | None) -> str:
    return "" if size is None else f" ({size} entries)"


def _list(items: Iterable[str]) -> Iterator[str]:
    found = [f"<li>{item}</li>" for item in items]
    return iter(["<ul>", *found, "</ul>"] if found else [])


def _whole(title: str, parts: Iterable[str]) -> str:
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")

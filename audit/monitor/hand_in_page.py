"""The part of a monitor's page on which somebody hands in a file, in the languages of voters.

Decides words, and the script that sends a file as it is: without a library on either side, since a form would pack it
into a format that somebody must take apart again.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from html import escape

from stembus.audit.monitor.hand_in import FILE_BYTES, Taken

PATH = "/hand-in"
TOO_LONG = 413
UNREACHED = 0

# What is asked, and what is answered, by status.
_WORDS: dict[str, tuple[str, str, str, dict[int, str]]] = {
    "en": (
        "Hand in a file",
        "Was your ballot refused, or is it missing? Give its file (stembus-ballot.bin) or its confirmation here. This "
        "monitor checks it, brings the ballot to the ballot box, and counts on this page what became of it. It keeps "
        "nothing of who you are. Whoever has the file can see later whether you voted again: give it to a monitor that "
        "you trust.",
        "The file",
        {
            Taken.KEPT.value: "It is here. The next look says above what became of it.",
            Taken.KNOWN.value: "This file was here already.",
            Taken.FOREIGN.value: "This is no valid ballot, confirmation or decryption of this referendum.",
            Taken.TOO_MANY.value: "There are too many of these here already. Give the file to another monitor.",
            Taken.NOT_NOW.value: "This monitor cannot take it now. Try again in a few minutes, or another monitor.",
            TOO_LONG: "This file is too long to be one of these.",
            UNREACHED: "This monitor did not answer. Try again.",
        },
    ),
    "nl": (
        "Een bestand afgeven",
        "Is uw stem geweigerd, of ontbreekt ze? Geef hier het bestand ervan (stembus-ballot.bin) of de bevestiging. "
        "Deze waarnemer controleert het, brengt de stem naar de stembus en telt op deze pagina wat ermee gebeurde. Wie "
        "u bent, wordt niet bewaard. Wie het bestand heeft, kan later zien of u opnieuw gestemd hebt: geef het aan "
        "een waarnemer die u vertrouwt.",
        "Het bestand",
        {
            Taken.KEPT.value: "Het is aangekomen. Bij de volgende ronde staat hierboven wat ermee gebeurde.",
            Taken.KNOWN.value: "Dit bestand was hier al.",
            Taken.FOREIGN.value: "Dit is geen geldige stem, bevestiging of ontsleuteling van dit referendum.",
            Taken.TOO_MANY.value: "Er zijn er hier al te veel van. Geef het bestand aan een andere waarnemer.",
            Taken.NOT_NOW.value: "Het lukt nu niet. Probeer het over enkele minuten opnieuw, of bij een ander.",
            TOO_LONG: "Dit bestand is te lang om een van deze te zijn.",
            UNREACHED: "Er kwam geen antwoord. Probeer het opnieuw.",
        },
    ),
    "fr": (
        "Remettre un fichier",
        "Votre vote a été refusé, ou il manque ? Remettez ici son fichier (stembus-ballot.bin) ou sa confirmation. Cet "
        "observateur le vérifie, porte le vote à l’urne et compte sur cette page ce qu’il est devenu. Rien n’est gardé "
        "de qui vous êtes. Qui a le fichier peut voir plus tard si vous avez revoté : donnez-le à un observateur en "
        "qui vous avez confiance.",
        "Le fichier",
        {
            Taken.KEPT.value: "Il est arrivé. Le prochain passage dira ci-dessus ce qu’il est devenu.",
            Taken.KNOWN.value: "Ce fichier était déjà ici.",
            Taken.FOREIGN.value: "Ce n’est pas un vote, une confirmation ou un déchiffrement valable de ce référendum.",
            Taken.TOO_MANY.value: "Il y en a déjà trop ici. Remettez le fichier à un autre observateur.",
            Taken.NOT_NOW.value: "Ce n’est pas possible maintenant. Réessayez dans quelques minutes, ou ailleurs.",
            TOO_LONG: "Ce fichier est trop long.",
            UNREACHED: "Pas de réponse. Réessayez.",
        },
    ),
}

_SCRIPT = f"""
for (const part of document.querySelectorAll("section[data-{UNREACHED}]")) {{
  const input = part.querySelector("input"), said = part.querySelector("output");
  input.addEventListener("change", async () => {{
    const file = input.files[0];
    if (!file) return;
    said.textContent = "…";
    const long = file.size > {FILE_BYTES};
    const answer = long ? {{ status: {TOO_LONG} }}
      : await fetch("hand-in", {{ method: "POST", body: file }}).catch(() => ({{ status: {UNREACHED} }}));
    said.textContent = part.getAttribute(`data-${{answer.status}}`) ?? part.getAttribute("data-{UNREACHED}");
    input.value = "";
  }});
}}
"""
SCRIPT_SOURCE = f"'sha256-{base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode('ascii')}'"


def said(status: int) -> str:
    """In words, for whoever asks without the page."""
    return _WORDS["en"][3][status]


def hand_in_part(languages: Sequence[str]) -> Iterator[str]:
    """HTML, in those of the referendum's languages that are known here; in English if none is."""
    for language in [known for known in languages if known in _WORDS] or ["en"]:
        heading, text, label, answers = _WORDS[language]
        told = " ".join(f'data-{status}="{escape(words)}"' for status, words in answers.items())
        yield (
            f'<section lang="{language}" {told}><h2>{escape(heading)}</h2><p>{escape(text)}</p>'
            f'<p><label>{escape(label)} <input type="file"></label></p>'
            '<p><output aria-live="polite"></output></p></section>'
        )
    yield f"<script>{_SCRIPT}</script>"

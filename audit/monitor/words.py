"""What a monitor's page says to voters, in their languages: how it stands, and what became of what they handed in.

Decides words only. What is meant for whoever runs the monitor is English, and stands in the page's details.
"""

from __future__ import annotations

from dataclasses import dataclass

from stembus.audit.monitor.hand_in import Taken
from stembus.audit.monitor.watch import Relayed
from stembus.audit.verify.promised_ballot import Verdict

TOO_LONG, UNREACHED, EMPTY = 413, 0, 1  # the last two are of the page itself: no answer came, or nothing was chosen


@dataclass(frozen=True, slots=True)
class Words:
    """`standing` is for calm, doubtful and alarming; `answers` by HTTP status."""

    standing: tuple[str, str, str]
    ballots: str
    promises: str
    states: dict[Relayed, str]
    verdicts: dict[Verdict, str]
    far: str
    no_promise: str
    heading: str
    text: str
    label: str
    button: str
    answers: dict[int, str]


_NL = Words(
    (
        "Alles wat we zagen, is in orde.",
        "Op dit moment weten we niet hoe het staat. Dat zegt niets over het referendum zelf.",
        "Er klopt iets niet. De details staan onderaan, in het Engels.",
    ),
    "Stemmen die bij ons zijn afgegeven",
    "Bevestigingen die wij hebben",
    {
        Relayed.LOGGED: "staat in het openbare logboek",
        Relayed.REPLACED: "een latere stem van dezelfde stemsleutel telt",
        Relayed.TURN: "een andere stem van dezelfde stemsleutel kwam eerst",
        Relayed.SAME: "dezelfde stem was er al",
        Relayed.TAKEN: "door de stembus aangenomen en beloofd",
        Relayed.REFUSED: "DOOR DE STEMBUS GEWEIGERD",
        Relayed.FALSE: "DE STEMBUS TEKENDE ER EEN VALSE BELOFTE VOOR",
        Relayed.DROPPED: "DOOR DE STEMBUS AANGENOMEN EN NIET IN HET LOGBOEK",
        Relayed.UNANSWERED: "de stembus antwoordt er niet op; we proberen het opnieuw",
        Relayed.LATE: "te laat afgegeven: het stemmen was voorbij",
        Relayed.VOID: "het referendum is geannuleerd",
        Relayed.INVALID: "geen geldige stem van dit referendum",
        Relayed.UNREADABLE: "het bestand is hier niet te gebruiken",
    },
    {
        Verdict.KEPT: "nagekomen",
        Verdict.LATE: "te laat nagekomen; de stem telt",
        Verdict.SUPERSEDED: "een latere stem telt",
        Verdict.BROKEN: "NIET NAGEKOMEN",
        Verdict.MISSING: "DE STEM ONTBREEKT TOT NU TOE",
        Verdict.NOT_DUE: "de stem komt nog",
        Verdict.VOID: "het referendum is geannuleerd",
    },
    "VOOR EEN MOMENT DAT VEEL TE VER WEG LIGT",
    "geen bevestiging van deze stembus",
    "Een bestand afgeven",
    "Is je stem geweigerd, of ontbreekt ze? Geef hier het bestand van je stem (stembus-ballot.bin) of van je "
    "bevestiging (stembus-promise.json); meestal staat het bij je downloads. Geef nooit je stemsleutel of je code. "
    "Wij controleren het bestand, brengen je stem naar de stembus en tellen op deze pagina wat ermee gebeurde. "
    "Welke stem van jou is, staat hier niet; dat zie je op de pagina van de stad, bij het nakijken. Wie je bent, "
    "bewaren we niet. Wie het bestand heeft, kan later zien of je opnieuw gestemd hebt: geef het aan een waarnemer "
    "die je vertrouwt.",
    "Kies het bestand",
    "Afgeven",
    {
        Taken.KEPT.value: "aangekomen. Herlaad deze pagina over enkele minuten: dan is het meegeteld.",
        Taken.LOGGED.value: "staat al in het openbare logboek. Er is niets meer te doen.",
        Taken.NO_SUCH_FILE.value: "dit is niet het juiste bestand. Zoek stembus-ballot.bin of stembus-promise.json bij "
        "je downloads. Aan je stem verandert dit niets.",
        Taken.INVALID.value: "dit bestand is beschadigd of van een ander referendum. Aan je stem verandert dit niets.",
        Taken.TOO_MANY.value: "hier is geen plaats meer. Geef het bestand aan een andere waarnemer.",
        Taken.NOT_NOW.value: "het lukt nu niet. Probeer het over enkele minuten opnieuw, of bij een andere waarnemer.",
        TOO_LONG: "dit bestand is te groot. Zoek stembus-ballot.bin of stembus-promise.json bij je downloads.",
        UNREACHED: "er kwam geen antwoord. Probeer het opnieuw.",
        EMPTY: "kies eerst een bestand.",
    },
)
_EN = Words(
    (
        "All that was seen is in order.",
        "It is not known now how this stands. That says nothing about the referendum itself.",
        "Something is wrong: look at this.",
    ),
    "Ballots that were handed in here",
    "Confirmations that this monitor has",
    {state: state.value for state in Relayed},
    {verdict: verdict.value for verdict in Verdict},
    "FOR A BATCH THAT IS FAR AHEAD",
    "no confirmation of this ballot box",
    "Hand in a file",
    "Was your ballot refused, or is it missing? Give the file of your ballot (stembus-ballot.bin) or of your "
    "confirmation (stembus-promise.json) here; it is usually among your downloads. Never give your voting pass or your "
    "code. We check the file, bring your ballot to the ballot box, and count on this page what became of it. Which one "
    "is yours is not shown; look for it on the city's page. Nothing is kept of who you are. Whoever has the file can "
    "see later whether you voted again: give it to a monitor that you trust.",
    "Choose the file",
    "Hand in",
    {
        Taken.KEPT.value: "it is here. Reload this page in a few minutes: it is counted then.",
        Taken.LOGGED.value: "this is in the public log already. There is nothing left to do.",
        Taken.NO_SUCH_FILE.value: "this is not the right file. Look for stembus-ballot.bin or stembus-promise.json "
        "among your downloads. Your vote is not changed by this.",
        Taken.INVALID.value: "this file is damaged, or of another referendum. Your vote is not changed by this.",
        Taken.TOO_MANY.value: "there is no room left here. Give the file to another monitor.",
        Taken.NOT_NOW.value: "this is not possible now. Try again in a few minutes, or at another monitor.",
        TOO_LONG: "this file is too large. Look for stembus-ballot.bin or stembus-promise.json among your downloads.",
        UNREACHED: "no answer came. Try again.",
        EMPTY: "choose a file first.",
    },
)
_FR = Words(
    (
        "Tout ce que nous avons vu est en ordre.",
        "Nous ne savons pas en ce moment où on en est. Cela ne dit rien du référendum lui-même.",
        "Quelque chose ne va pas. Les détails sont en bas de page, en anglais.",
    ),
    "Votes qui nous ont été remis",
    "Confirmations que nous avons",
    {
        Relayed.LOGGED: "dans le registre public",
        Relayed.REPLACED: "un vote plus récent de la même clé compte",
        Relayed.TURN: "un autre vote de la même clé est venu avant",
        Relayed.SAME: "le même vote y était déjà",
        Relayed.TAKEN: "accepté et promis par l’urne",
        Relayed.REFUSED: "REFUSÉ PAR L’URNE",
        Relayed.FALSE: "L’URNE A SIGNÉ UNE FAUSSE PROMESSE POUR LUI",
        Relayed.DROPPED: "ACCEPTÉ PAR L’URNE ET ABSENT DU REGISTRE",
        Relayed.UNANSWERED: "l’urne ne répond pas ; nous réessayons",
        Relayed.LATE: "remis trop tard : le vote était clos",
        Relayed.VOID: "le référendum est annulé",
        Relayed.INVALID: "pas un vote valable de ce référendum",
        Relayed.UNREADABLE: "le fichier ne peut pas servir ici",
    },
    {
        Verdict.KEPT: "tenue",
        Verdict.LATE: "tenue en retard ; le vote compte",
        Verdict.SUPERSEDED: "un vote plus récent compte",
        Verdict.BROKEN: "NON TENUE",
        Verdict.MISSING: "LE VOTE MANQUE JUSQU’ICI",
        Verdict.NOT_DUE: "le vote est encore à venir",
        Verdict.VOID: "le référendum est annulé",
    },
    "POUR UN MOMENT BEAUCOUP TROP LOINTAIN",
    "pas une confirmation de cette urne",
    "Remettre un fichier",
    "Votre vote a été refusé, ou il manque ? Remettez ici le fichier de votre vote (stembus-ballot.bin) ou de votre "
    "confirmation (stembus-promise.json) ; il est souvent dans vos téléchargements. Ne donnez jamais votre clé de vote "
    "ni votre code. Nous vérifions le fichier, portons votre vote à l’urne et comptons sur cette page ce qu’il est "
    "devenu. Lequel est le vôtre n’est pas montré ; cherchez-le sur la page de la ville. Rien n’est gardé de qui vous "
    "êtes. Qui a le fichier peut voir plus tard si vous avez revoté : donnez-le à un observateur de confiance.",
    "Choisissez le fichier",
    "Remettre",
    {
        Taken.KEPT.value: "bien reçu. Rechargez cette page dans quelques minutes : il sera compté.",
        Taken.LOGGED.value: "c’est déjà dans le registre public. Il n’y a plus rien à faire.",
        Taken.NO_SUCH_FILE.value: "ce n’est pas le bon fichier. Cherchez stembus-ballot.bin ou stembus-promise.json "
        "dans vos téléchargements. Cela ne change rien à votre vote.",
        Taken.INVALID.value: "ce fichier est abîmé ou d’un autre référendum. Cela ne change rien à votre vote.",
        Taken.TOO_MANY.value: "il n’y a plus de place ici. Remettez le fichier à un autre observateur.",
        Taken.NOT_NOW.value: "ce n’est pas possible maintenant. Réessayez dans quelques minutes, ou ailleurs.",
        TOO_LONG: "ce fichier est trop grand. Cherchez stembus-ballot.bin ou stembus-promise.json.",
        UNREACHED: "pas de réponse. Réessayez.",
        EMPTY: "choisissez d’abord un fichier.",
    },
)
WORDS = {"nl": _NL, "en": _EN, "fr": _FR}
NAMES = {"nl": "Nederlands", "en": "English", "fr": "Français"}


def said(status: int) -> str:
    """In a sentence, for whoever asks without the page."""
    text = _EN.answers[status]
    return text[:1].upper() + text[1:]

"""Forged ends (class 12, 13): a referendum that officers end without a result."""

from __future__ import annotations

from collections.abc import Callable

from tests.tampered.catalogue import STANDS, add, forgery
from tests.tampered.forge import DAY, Body, Forge
from tests.tampered.paper import few, letters

Made = list[tuple[str, Body, list[str]]]
TEXT = {"nl": "Te weinig sleutels."}


def end(forge: Forge, shares: int = 1, by: tuple[str, ...] = ("officer/1", "officer/2"), text: Body = TEXT) -> None:
    """In the place of the result; of two trustees who are needed, so many have decrypted."""

    def change(made: Made) -> None:
        made[-1] = ("abandon", {"text": text}, list(by))
        del made[2 + shares : 4]

    forge.tally_hook = change


def ended(shares: int = 1, patience: int = 14 * DAY, **how: object) -> Callable[[Forge], None]:
    def maker(forge: Forge) -> None:
        forge.patience = patience
        end(forge, shares, **how)  # type: ignore[arg-type]

    return maker


add("ended_although_enough_trustees_decrypted", 13, "V28", ended(2))
add("ended_a_second_too_early", 12, "V14", ended(0, 14 * DAY - 1))
add("ended_by_one_officer", 13, "V10", ended(by=("officer/1",)))
add("ended_by_trustees", 13, "V10", ended(by=("trustee/1", "trustee/2")))
add("ended_in_a_language_that_the_referendum_has_not", 13, "V8", ended(text={"de": "Ende"}), STANDS, status=9)


@forgery(13, "V9")
def ended_before_the_close(forge: Forge) -> None:
    forge.patience = 0
    forge.with_tally = False
    forge.entries_hook = lambda entries: entries.insert(-1, forge.entry("abandon", {"text": TEXT}))


@forgery(13, "V9")
def ended_although_a_result_stands(forge: Forge) -> None:
    forge.after_result.append(forge.entry("abandon", {"text": TEXT}))


@forgery(13, "V9")
def result_after_the_end(forge: Forge) -> None:
    def change(made: Made) -> None:
        made[2:4] = []
        made.insert(2, ("abandon", {"text": TEXT}, ["officer/1", "officer/2"]))

    forge.tally_hook = change


@forgery(13, "V9")
def ended_before_a_word_of_the_paper_votes(forge: Forge) -> None:
    forge.struck = letters(20, 24)(forge)
    forge.with_tally = False
    forge.after_close.append(forge.entry("abandon", {"text": TEXT}))


@forgery(13, "V28")
def ended_although_too_few_took_part(forge: Forge) -> None:
    """The rules then have a result, and nothing is to be decrypted."""
    forge.batches = []
    forge.with_tally = False
    forge.after_close.append(forge.entry("abandon", {"text": TEXT}))


@forgery(12, "V6")
def ended_without_a_checkpoint(forge: Forge) -> None:
    end(forge)
    sizes: list[int] = []
    forge.entries_hook = lambda entries: sizes.append(len(entries))
    forge.after_result.append(forge.entry("incident", {"number": 1, "text": TEXT}))
    forge.checkpoint_hook = lambda size, checkpoint: None if sizes and size == sizes[-1] - 1 else checkpoint


@forgery(12, "V14")
def ended_too_soon_after_the_paper_votes(forge: Forge) -> None:
    """Officers who wait with these take the trustees' time away."""
    few(letters(20, 24))(forge)
    end(forge, 0)
    forge.patience = 14 * DAY - 1

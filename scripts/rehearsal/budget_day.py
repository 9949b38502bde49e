"""A made-up citizens' budget for demos and tests: projects with costs, and residents who spend an amount.

Decides which projects there are and what people choose. Leaves everything else to the demo.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

BUDGET = 100_000
# Name, cost in euro, and how many of a hundred people like it.
PROJECTS: Sequence[tuple[str, int, int]] = (
    ("Bomen op het plein", 12_500, 38), ("Speeltuin aan de Leie", 34_000, 41), ("Fietsenstalling station", 22_750, 30),
    ("Buurtbieb", 4_200, 26), ("Zitbanken", 6_900, 33), ("Drinkfonteinen", 9_800, 35), ("Moestuinen", 15_300, 22),
    ("Skatepark", 48_000, 14), ("Verlichting jaagpad", 27_400, 28), ("Openluchtcinema", 8_600, 19),
    ("Repaircafe", 3_100, 17), ("Hondenweide", 11_200, 12), ("Zebrapaden in kleur", 5_400, 9),
    ("Insectenhotels", 2_300, 24),
    ("Buurtbarbecue", 1_900, 8), ("Petanquebaan", 7_700, 10), ("Geveltuinen", 10_600, 21), ("Nestkasten", 1_250, 16),
    ("Deelbakfietsen", 18_900, 20), ("Waterspeelplek", 39_500, 27), ("Kunst in de tunnel", 14_000, 11),
    ("Rustpunten", 5_950, 13), ("Kinderstraat", 2_800, 18), ("Leesbanken", 4_700, 6),
)  # fmt: skip


def budget_question() -> str:
    """The question in a draft, in three languages."""
    lines = [
        "[[questions]]",
        'kind = "budget"',
        f"budget = {BUDGET}",
        'funding = "most-votes-then-cheapest"',
        'unit = { nl = "euro", en = "euro", fr = "euro" }',
        "[questions.text]",
        'nl = "Welke projecten krijgen geld van het burgerbudget?"',
        'en = "Which projects get money from the citizens\' budget?"',
        'fr = "Quels projets reçoivent de l\'argent du budget citoyen ?"',
    ]
    for name, cost, _ in PROJECTS:
        texts = ", ".join(f'{language} = "{name}"' for language in ("nl", "en", "fr"))
        lines += ["[[questions.options]]", f"cost = {cost}", f"text = {{ {texts} }}"]
    return "\n".join(lines) + "\n\n"


def with_budget(draft: str) -> str:
    """A draft, with this question in the place of its own."""
    start, end = draft.index("[[questions]]"), draft.index("[eligibility]")
    named = draft[:start].replace("Autovrije zondag in de binnenstad", "Burgerbudget")
    named = named.replace("A car-free Sunday in the city centre", "Citizens' budget")
    named = named.replace("Un dimanche sans voitures au centre-ville", "Budget citoyen")
    return named + budget_question() + draft[end:]


def budget_choice(chance: random.Random) -> tuple[int, ...]:
    """What one voter chooses: projects that the voter likes, as long as they fit; nothing is a blank vote."""
    order = list(range(len(PROJECTS)))
    chance.shuffle(order)
    left, chosen = BUDGET, []
    for option in order:
        _, cost, liked = PROJECTS[option]
        if cost <= left and chance.randrange(100) < liked:
            left -= cost
            chosen.append(option)
    return tuple(sorted(chosen))

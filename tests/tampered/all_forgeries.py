"""Imports every file of forgeries, so that the catalogue is complete."""

from tests.tampered import ballots, budget, ceremony, end, log, paper, roll, tally, witnesses

__all__ = ["ballots", "budget", "ceremony", "end", "log", "paper", "roll", "tally", "witnesses"]

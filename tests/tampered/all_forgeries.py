"""Imports every file of forgeries, so that the catalogue is complete."""

from tests.tampered import ballots, ceremony, log, paper, roll, tally, witnesses

__all__ = ["ballots", "ceremony", "log", "paper", "roll", "tally", "witnesses"]

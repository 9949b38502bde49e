"""`make bench`, of an office's own work: rows of a register read, and letters made, each a second."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import zxingcpp

from stembus.ballot.eligibility.letter_code import format_code, new_code
from stembus.ballot.eligibility.letter_print import PER_FILE, Letter, letter_link, render
from stembus.ballot.eligibility.register import read_register
from stembus.ballot.office.services import ServedOffice
from stembus.scripts.letter_look import letter_look
from stembus.scripts.rehearsal.made_up_register import write_register
from stembus.webvote.theme import EXAMPLE, load_theme

_ROWS = 20_000


def bench_letters(office: ServedOffice, show: Callable[[str, str], None]) -> None:
    manifest = office.manifest
    with tempfile.TemporaryDirectory(prefix="stembus-bench-") as folder:
        path = Path(folder) / "register.csv"
        write_register(path, _ROWS, date.fromisoformat(manifest.eligibility.age_date), 10)
        start = time.perf_counter()
        reading = read_register(path, manifest.eligibility, manifest.languages)
        seconds = time.perf_counter() - start
    show("rows of a register read, a second", f"{(len(reading.accepted) + len(reading.refused)) / seconds:,.0f}")
    look = letter_look(manifest, secrets.token_bytes(32), load_theme(EXAMPLE), None)
    letters = [
        Letter(
            f"{k:09d}", "Ann Peeters", ("Ann Peeters", "Leiestraat 1", "8500 Kortrijk"), "nl", format_code(new_code())
        )
        for k in range(PER_FILE)
    ]
    start = time.perf_counter()
    render(look, letters)
    seconds = time.perf_counter() - start
    show("letters made, a second and worker", f"{PER_FILE / seconds:,.0f}")
    start = time.perf_counter()
    for letter in letters:
        zxingcpp.create_barcode(letter_link(look, letter), zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    show("a letter, by its QR code as the library makes it", f"{seconds / (time.perf_counter() - start):.1f}")

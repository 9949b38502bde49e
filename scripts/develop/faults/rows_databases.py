"""Rows in which a database is lost, came back from an older copy, or is not the one that it should be.

Decides the faults and their order; what a recovery must do is in `recovering`.
"""

from __future__ import annotations

import shutil

from stembus.ballot.errors import TokenAlreadyIssued
from stembus.scripts.develop.faults.ending import Outcome, finish
from stembus.scripts.develop.faults.poll import Poll, RowFailed
from stembus.scripts.develop.faults.recovering import demand_command_refused, demand_refusal, recover_box


def old_box_database(poll: Poll, outcome: Outcome) -> None:
    """Promised ballots are in neither the copy nor the log: the recovery names their batch, devices hand them in."""
    poll.until_batches(1)
    copy = poll.folder / "box-copy"
    poll.box_store.copy(copy)
    poll.until_batches(2)
    poll.rest_timer()
    poll.until_more(4)
    poll.pause()
    poll.box.stop()
    poll.box_store.bring_back(copy)
    _refuse_and_recover(poll, outcome)


def _refuse_and_recover(poll: Poll, outcome: Outcome) -> None:
    demand_refusal(poll.box)
    demand_command_refused(poll, "seal", str(poll.office))
    recover_box(poll)
    poll.go_on()
    poll.until_more(3)
    finish(poll, outcome)


def lost_box_database(poll: Poll, outcome: Outcome) -> None:
    """No copy at all: everything is rebuilt from the log."""
    poll.until_batches(2)
    poll.rest_timer()
    poll.until_more(4)
    poll.pause()
    poll.box.stop()
    poll.box_store.lose()
    _refuse_and_recover(poll, outcome)


def lost_registrar_database(poll: Poll, outcome: Outcome) -> None:
    """Rebuilt from the issuance record: nobody gets a second token, and the other letters still get theirs."""
    poll.voters.invite(len(poll.voters.devices) // 2)
    poll.until_all_vote()
    poll.rest_timer()
    poll.until_more(2)  # which wait for a batch, so that a seal asks the registrar
    poll.pause()
    poll.registrar.stop()
    poll.registrar_store.lose()
    demand_refusal(poll.registrar)
    demand_command_refused(poll, "seal", str(poll.office))
    recover_registrar(poll, outcome)


def old_registrar_database(poll: Poll, outcome: Outcome) -> None:
    """The copy knows nothing of half of the tokens; the issuance record does, and the registrar starts with it."""
    devices = len(poll.voters.devices)
    poll.voters.invite(devices // 3)
    poll.until_all_vote()
    copy = poll.folder / "registrar-copy"
    poll.registrar_store.copy(copy)
    poll.voters.invite(2 * devices // 3)
    poll.until_all_vote()
    poll.pause()
    poll.registrar.stop()
    poll.registrar_store.bring_back(copy)
    recover_registrar(poll, outcome)


def recover_registrar(poll: Poll, outcome: Outcome) -> None:
    """The letters' files are brought from the office for it, as long as it takes."""
    for party, name in (("importer", "factors.csv"), ("authority", "enrolment.csv"), ("authority", "spares.csv")):
        if (source := poll.office / party / name).exists():
            (poll.registrars / party).mkdir(exist_ok=True)
            shutil.copy(source, poll.registrars / party / name)
    ended = poll.until_done("registrar", "recover", str(poll.registrars), folder=poll.registrars)
    poll.recoveries.append(f"registrar recover: {' '.join(ended.stdout.split())}")
    for party in ("importer", "authority"):
        shutil.rmtree(poll.registrars / party, ignore_errors=True)
    poll.registrar.start()
    second = refused = 0
    for device in poll.voters.devices:
        if device.casts:
            try:
                device.second_pass(poll.folder / "second" / str(device.number))
                second += 1
            except TokenAlreadyIssued:
                refused += 1
    poll.recoveries.append(f"{refused} letters that had a token asked for a second one and were refused")
    if second or not refused:
        outcome.problems.append(f"{second} letters got a second token")
    poll.voters.invite(len(poll.voters.devices))
    poll.go_on()
    poll.until_all_vote()
    finish(poll, outcome)


def wrong_settings(poll: Poll, outcome: Outcome) -> None:
    """Its address is the registrar's database, another folder's, an empty one, one that is not there, no address."""
    poll.until_more(4)
    poll.pause()
    poll.box.stop()
    other = poll.folder / "other"
    shutil.copytree(poll.office / "box", other / "box", ignore=shutil.ignore_patterns("database", "box.db*"))
    shutil.copy(poll.office / "manifest.json", other)
    poll.command("services", "create", str(other), folder=other)
    settings = poll.office / "settings.toml"
    right = settings.read_text() if settings.exists() else None
    wrong = [
        poll.registrar_store.url,
        f"sqlite:///{other / 'box' / 'box.db'}",
        f"sqlite:///{poll.folder / 'nowhere.db'}",
        "postgresql+psycopg://stembus@/nobody?host=/nonexistent",
        "mysql://localhost/stembus",
    ]
    for url in wrong:
        poll.write_settings(poll.office, f'box_database = "{url}"\n')
        demand_refusal(poll.box)
        demand_command_refused(poll, "seal", str(poll.office))
    if (poll.folder / "nowhere.db").exists():
        raise RowFailed("a database was made where the wrong settings pointed")
    if right is None:
        settings.unlink()
    else:
        poll.write_settings(poll.office, right)
    poll.recoveries.append("the right settings again")
    poll.box.start()
    poll.go_on()
    poll.until_more(3)
    finish(poll, outcome)

"""`make bench`: speed as ratios within one run, because machines differ and are noisy.

Builds ballots once, then measures verification in batches against one by one, against the library calls it
cannot avoid, and with two processes against one; issue, ballot making, acceptance; tally; the whole audit;
memory at 10,000 and 100,000 ballots. Prints what it measured, never a figure from elsewhere.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

from coincurve import PublicKey

from stembus.audit.durable import write_durably
from stembus.audit.formats.ballot_shape import SECOND
from stembus.audit.formats.cast_ballot import BallotContext, parse_ballot
from stembus.audit.formats.entries import encode_entry, sign_entry
from stembus.audit.formats.entry_bodies import Batch, Close
from stembus.audit.formats.lists import issuance_path
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.audit.verify.ballots import check_ballot, check_chunk
from stembus.ballot.issuance.token import VotingPass
from stembus.ballot.voter.encrypt import prepare, sign_ballot
from stembus.crypto.batch import verify_all
from stembus.crypto.blind_rsa import verify as verify_blind
from stembus.crypto.discrete_log import two_small_logs
from stembus.crypto.group import generator_times
from stembus.crypto.signing import verify_schnorr
from stembus.scripts.develop.bench_letters import bench_letters
from stembus.scripts.develop.bench_statement import bench_budget, bench_statement
from stembus.scripts.rehearsal.demo import run_demo
from stembus.scripts.rehearsal.referendum import Rehearsal

LINE = "{:<58}{:>12}"


def timed(work: Callable[[], object], repeat: int = 1) -> float:
    """The best of `repeat` runs, in seconds."""
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def ratio(first: Callable[[], object], second: Callable[[], object], rounds: int) -> float:
    """How many times longer `first` takes: the median over rounds that run both in turn, so that a machine
    that slows down half-way slows both."""
    return statistics.median(timed(first) / timed(second) for _ in range(rounds))


def show(label: str, value: str) -> None:
    print(LINE.format(label, value), flush=True)


class Material:
    """A small referendum on disk, and its ballots."""

    def __init__(self, root: Path, ballots: int) -> None:
        root.mkdir(parents=True, exist_ok=True)
        run_demo(ballots, max(ballots, 100), root, None)
        self.root = root
        self.place = FolderPlace(root / "public")
        log = verify(self.place, Rehearsal(root).office.referendum).demand_log()
        self.manifest_raw = log.manifest_raw
        self.key_raw = next(raw for _, raw, entry in log.entries() if entry.type == "election-key")
        self.context: BallotContext = Rehearsal(root).office.context()
        self.raws = [raw for _, raw in log.tree.all() if raw[:1] == b"\x01"]
        self.referendum = log.referendum


def library_calls(material: Material, work: Callable[[], object]) -> Callable[[], None]:
    """The library calls alone that `work` makes: every point it parses and every sum of points it asks for is
    recorded to be replayed, and so are the RSA and BIP340 checks, and the hashes of every ballot: three over all
    of it (id, statement, cast), and a short one for the token message, for its commitment and for each proof."""
    parsed: list[bytes] = []
    summed: list[list[PublicKey]] = []
    original_init, original_combine = PublicKey.__init__, PublicKey.combine_keys

    def recording_init(key: PublicKey, data: Any, *rest: Any) -> None:
        if isinstance(data, bytes):
            parsed.append(data)
        original_init(key, data, *rest)

    def recording_combine(keys: list[PublicKey]) -> PublicKey:
        summed.append(list(keys))
        return original_combine(keys)

    with (
        patch.object(PublicKey, "__init__", recording_init),
        patch.object(PublicKey, "combine_keys", recording_combine),
    ):
        work()
    context = material.context
    ballots = [parse_ballot(context, raw) for raw in material.raws]
    tokens = [(context.token_message(b.token_key), b.registrar_signatures[0]) for b in ballots]
    casts = [(b.token_key, context.cast_digest(b.raw[:-64]), b.signature) for b in ballots]

    def replay() -> None:
        held = [PublicKey(data) for data in parsed]  # a batch needs all its points at once
        for keys in summed:
            PublicKey.combine_keys(keys)
        for message, signature in tokens:
            verify_blind(context.registrars[0], message, signature)
        for key, digest, signature in casts:
            verify_schnorr(key, digest, signature)
        for ballot in ballots:
            for _ in range(3):
                hashlib.sha256(ballot.raw).digest()
            for _ in range(2 + len(context.proofs)):
                hashlib.sha256(ballot.raw[:96]).digest()
        del held

    return replay


def bench_ballots(material: Material) -> None:
    """Verification of ballots: batches, singles, the unavoidable, two processes."""
    context = material.context
    raws = (material.raws * (1024 // len(material.raws) + 1))[:1024]
    chunk = list(enumerate(raws))
    material.raws = raws

    def batch() -> object:
        return check_chunk(material.manifest_raw, material.key_raw, chunk)

    def singles() -> object:
        return [check_ballot(context, raw) for raw in raws]

    batched = timed(batch, 3)
    show("a ballot in a batch of 1,024, all checks, one core", f"{1000 * batched / len(raws):.3f} ms")
    show("one by one against in batches (1.7 demanded, 1.9 aimed at)", f"{ratio(singles, batch, 3):.2f} x")
    unavoidable = library_calls(material, batch)
    show("in batches against its library calls alone (at most 1.3)", f"{ratio(batch, unavoidable, 11):.2f} x")
    parsed = [parse_ballot(context, raw) for raw in raws]
    proven = [ballot.proven for ballot in parsed]
    proofs = timed(lambda: verify_all(context.joint_key, proven), 3)
    show("  of which the proofs' one multi-scalar multiplication", f"{proofs / batched:.0%}")
    bench_statement(context, parsed, ratio, show)
    bench_budget(context, ratio, show)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        work = [(material.manifest_raw, material.key_raw, chunk)] * 8
        list(pool.map(check_chunk, *zip(*work[:2], strict=True)))

        def two() -> object:
            return list(pool.map(check_chunk, *zip(*work, strict=True)))

        def one() -> object:
            return [check_chunk(*arguments) for arguments in work]

        show("two processes against one (at least 1.7)", f"{ratio(one, two, 3):.2f} x")


def bench_services(root: Path) -> None:
    """Token issue, ballot making and acceptance, each one by one on one core, databases on disk."""
    from datetime import date

    from stembus.scripts.rehearsal.made_up_register import write_register
    from stembus.scripts.rehearsal.referendum import REFERENCE_DATE, demo_draft

    count = 200
    rehearsal = Rehearsal(root)
    rehearsal.keys()
    rehearsal.define(demo_draft(count, 1, floor=1, batch_tokens=1))
    rehearsal.ceremony()
    write_register(root / "register.csv", count, date.fromisoformat(REFERENCE_DATE), 1)
    rehearsal.import_roll(root / "register.csv")
    rehearsal.credentials()
    rehearsal.open()
    letters = rehearsal.letters(root / "register.csv")
    passes: list[VotingPass] = []
    issue = timed(lambda: passes.extend(rehearsal.token(*letter) for letter in letters))
    context = rehearsal.office.box.context
    made: list[bytes] = []
    make = timed(lambda: made.extend(sign_ballot(context, p, prepare(context, p, [[0]]), 0) for p in passes))
    accept = timed(lambda: [rehearsal.office.box.cast(raw) for raw in made])
    show("tokens asked, issued and unblinded", f"{count / issue:.0f} /s")
    show("ballots made by a voter's device", f"{count / make:.0f} /s")
    show("ballots accepted, stored and promised", f"{count / accept:.0f} /s")
    sums = generator_times(4_248 + 5_632 * SECOND)
    search = timed(lambda: two_small_logs(sums, SECOND, 9_880), 3)
    show("tally: finding yes and no among 9,880 in their sum", f"{1000 * search:.0f} ms")


def bench_audit(material: Material) -> None:
    ballots = len([1 for _ in material.raws])
    one = timed(lambda: verify(material.place, material.referendum))
    show(f"the whole audit of {ballots} ballots, one core (0.45 ms aimed at)", f"{1000 * one / ballots:.3f} ms each")


def peak_memory(public: Path, referendum: bytes) -> int:
    """Peak resident kilobytes of a fresh process that verifies with one worker."""
    code = (
        "import resource,sys;from pathlib import Path;"
        "from stembus.audit.log.source import FolderPlace;from stembus.audit.verify import verify;"
        "r=verify(FolderPlace(Path(sys.argv[1])),bytes.fromhex(sys.argv[2]));"
        "print(r.figures.ballots,resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(public), referendum.hex()], capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[1])


def enlarge(material: Material, root: Path, ballots: int) -> Path:
    """A log of so many ballots, repeated over and over: each is parsed and verified, then found a double."""
    import shutil

    shutil.copytree(material.root, root)
    rehearsal = Rehearsal(root)
    office = rehearsal.office
    shutil.rmtree(office.public)
    source = verify(material.place, material.referendum).demand_log()
    setup = []
    for _, raw in source.tree.all():
        setup.append(raw)
        if b'"type":"open"' in raw[-40:]:
            break
    for party in ("witness-1", "witness-2"):
        shutil.rmtree(root / party / "logs")
    (root / "log" / "lock.started").unlink()
    log = office.start_log()
    log.append(setup[1:])
    for name in ("credentials", "spares", issuance_path(1)):
        write_durably(office.public / name, (material.root / "public" / name).read_bytes())
    body_end = 1 + material.context.body_bytes
    ordered = sorted(set(material.raws), key=lambda raw: material.context.ballot_id(raw[1:body_end]))
    number = 0
    while log.order.ballots < ballots:
        number += 1
        part = ordered[: ballots - log.order.ballots]
        body = Batch(number=number, size=len(part), issued=list(office.count_statements(number, log.issued)))
        log.append([encode_entry(body, [sign_entry(office.referendum, body, "box", office.signing_key("box"))]), *part])
    rehearsal.clock.move_to(office.manifest.closes_at + 600)
    statement = office.registrar().close(0).statement
    log.append([office.officers_sign(Close(batches=number, ballots=ballots, issuance=[statement]))])
    return office.public


def bench_browser(root: Path) -> None:
    """What the browser loads, and how long it takes to vote; left out where there is no browser to drive."""
    from stembus.scripts.develop.bench_browser import KILOBITS, SLOWER, bundle_bytes, vote_times

    sizes = bundle_bytes()
    show("the voting page's script, gzipped (at most 45 kB)", f"{sizes['vote.js'] / 1000:.1f} kB")
    try:
        taken = vote_times(root)
    except ModuleNotFoundError:
        print("a vote in the browser was not timed: playwright is not installed (make test installs it)")
        return
    slow = f"processor {SLOWER} times slower, {KILOBITS} kbit/s"
    show(f"a vote, link to promise, {slow} (6 s)", f"{statistics.median(one.link for one in taken):.2f} s")
    show(f"a vote, click to promise, {slow} (1.5 s)", f"{statistics.median(one.click for one in taken):.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--voters", type=int, default=9880, help="ballots of the whole audit")
    parser.add_argument("--no-memory", action="store_true", help="leave out the memory of 10,000 and 100,000 ballots")
    arguments = parser.parse_args()
    os.environ.setdefault("STEMBUS_PASSPHRASE", "rehearsal")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        print(f"{os.cpu_count()} cores; every line from this run\n", flush=True)
        material = Material(root / "demo", arguments.voters)
        bench_audit(material)
        bench_ballots(material)
        bench_services(root / "services")
        bench_letters(Rehearsal(material.root).office, show)
        bench_browser(root / "browser")
        if not arguments.no_memory:
            peaks = []
            for size in (10_000, 100_000):
                public = enlarge(material, root / f"log-{size}", size)
                peaks.append(peak_memory(public, material.referendum))
                show(f"memory of verify at {size:,} ballots (under 200 MB)", f"{peaks[-1] / 1024:.0f} MB")
            show("memory at 100,000 against 10,000 (flat within 20 %)", f"{peaks[1] / peaks[0]:.2f} x")


if __name__ == "__main__":
    main()

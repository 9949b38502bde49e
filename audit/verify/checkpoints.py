"""Chapter 5, the series of checkpoints: signatures, quorum, times (V4, V6, V7, V14, V15).

A checkpoint's time is its quorum-th earliest cosignature, the only time there is; it is never compared
with the verifier's own clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stembus.audit import bounds
from stembus.audit.errors import CannotRead, NoteInvalid, PlaceError, RecordInvalid
from stembus.audit.formats.manifest import Manifest
from stembus.audit.log.merkle import check_consistency, consistency_proof
from stembus.audit.log.note import (
    Checkpoint,
    check_log_signature,
    cosignatures,
    parse_checkpoint,
    quorum_time,
    verifier_key,
)
from stembus.audit.log.source import Earlier, Place
from stembus.audit.log.tile_reader import Read, TileReader
from stembus.audit.log.tiles import CHECKPOINTS, HEAD, checkpoint_path, parse_checkpoint_path
from stembus.audit.rules import healing_end, last_of_voting
from stembus.audit.verify.checked_log import SignedRoots
from stembus.audit.verify.report import Report


def check_log_signed(head: Checkpoint, manifest: Manifest, report: Report) -> bool:
    """Whether the head carries its log's signature, by the manifest's key (V4)."""
    try:
        check_log_signature(head, manifest.log.origin, bytes.fromhex(manifest.log.key))
    except NoteInvalid as error:
        report.breach("V4", HEAD, str(error))
        return False
    return True


class CheckpointCheck:
    """`roots` gives the root at each size at which the log may have been signed."""

    def __init__(self, place: Place, manifest: Manifest, report: Report, roots: SignedRoots) -> None:
        self._place = place
        self._manifest = manifest
        self._report = report
        self._roots = roots
        self._origin = manifest.log.origin
        self._key = bytes.fromhex(manifest.log.key)
        self._witnesses = [(w.name, w.public) for w in manifest.witnesses.members]

    def check_vkey(self) -> None:
        try:
            data = self._place.read("log.vkey", bounds.VKEY_BYTES)
        except PlaceError as error:
            self._report.breach("V1", "log.vkey", str(error))
            return
        if data != (verifier_key(self._origin, self._key) + "\n").encode():
            self._report.breach("V4", "log.vkey", "not the log key of the manifest")

    def check_head(self, head: Checkpoint) -> int | None:
        """The file `checkpoint`, whose log signature was checked before, is cosigned by a quorum. Returns its time. Its
        size is in the series as well."""
        return self._quorum(HEAD, head, required=True)

    def check_before(self, kept: Sequence[Earlier], now: int) -> None:
        """Copies that somebody kept earlier: this log of `now` entries must continue each head that it signed. Raises
        CannotRead when such a head is larger: then this is an old copy."""
        larger = 0
        for earlier in kept:
            try:
                check_log_signature(earlier.head, self._origin, self._key)
            except NoteInvalid:
                continue
            if self._contradicted(earlier, now):
                message = (
                    f"a kept head of {earlier.head.size} entries ({earlier.copy.root}) is signed and contradicts this "
                    "log: keep both heads"
                )
                self._report.breach("V6", HEAD, message)
            larger = max(larger, earlier.head.size)
        if larger > now:
            raise CannotRead(
                f"{now} entries are shown, and a kept copy has {larger}: an old copy answers; verify the kept copy, or "
                "ask again later"
            )

    def _contradicted(self, earlier: Earlier, now: int) -> bool:
        """Whether the larger of the two heads does not begin with the smaller; False where the kept copy is not whole
        enough to tell."""
        size, tree = earlier.head.size, self._roots.tree
        if size <= now:
            return size > 0 and tree.root_at(size) != earlier.head.root
        reader = TileReader(earlier.copy, size)
        try:
            begins = reader.subtree(0, now)
            check_consistency(now, size, begins, earlier.head.root, consistency_proof(now, size, reader.subtree))
        except (PlaceError, CannotRead, RecordInvalid):
            return False
        return begins != tree.root_at(now)

    def check_series(self, required: Mapping[int, str], listed: list[str] | None, head: int) -> dict[int, int]:
        """Checks all listed and all required checkpoints up to the size `head`. `required` says for each size what it
        covers; what begins with `batch` does not shake the result. Returns the times by size."""
        sizes = set(required)
        for path in listed or []:
            size = parse_checkpoint_path(path)
            if size is not None:
                sizes.add(size)
        for size in [size for size in sizes if size > head and self._is_signed(size)]:
            # The log is being written, or its head was put back. What is verified up to the head stays true.
            self._report.passed_over("V6", checkpoint_path(size), "newer than the head, and not looked at")
            sizes.remove(size)
        if len(sizes) > bounds.CHECKPOINTS:
            self._report.breach("V6", CHECKPOINTS, f"more than {bounds.CHECKPOINTS} checkpoints")
        times: dict[int, int] = {}
        for size in sorted(sizes)[: bounds.CHECKPOINTS]:
            time = self._check_one(size, required.get(size))
            if time is not None:
                times[size] = time
        previous = 0
        for size in sorted(times):
            if times[size] < previous:
                self._report.stands("V7", checkpoint_path(size), "its time lies before that of a smaller checkpoint")
            previous = max(previous, times[size])
        return times

    def _is_signed(self, size: int) -> bool:
        found = self._read(self._place.read, size)
        return isinstance(found, Checkpoint) and found.size == size

    def _check_one(self, size: int, covers: str | None) -> int | None:
        path = checkpoint_path(size)
        found = self._read(self._place.read, size)
        if not isinstance(found, Checkpoint) or self._time(found) is None:
            # A transfer may have gone wrong, and a kept copy may be older than the last cosignature.
            found = self._read(self._place.read_afresh, size)
        if isinstance(found, PlaceError):
            what = f"the checkpoint of {covers}" if covers else "this checkpoint"
            self._report.breach("V6", path, f"{what} is missing or unreadable: {found}")
            return None
        if isinstance(found, NoteInvalid):
            self._report.breach("V4", path, str(found))
            return None
        if found.size != size or self._roots.get(size) != found.root:
            self._report.breach("V6", path, "a signed checkpoint that contradicts the log: a fork, or a torn batch")
            return None
        return self._quorum(path, found, required=covers is not None and not covers.startswith("batch"))

    def _read(self, read: Read, size: int) -> Checkpoint | PlaceError | NoteInvalid:
        """The checkpoint that the log signed, or what is wrong with it. Raises CannotRead."""
        try:
            checkpoint = parse_checkpoint(read(checkpoint_path(size), bounds.CHECKPOINT_BYTES))
            check_log_signature(checkpoint, self._origin, self._key)
        except (PlaceError, NoteInvalid) as error:
            return error
        return checkpoint

    def _time(self, checkpoint: Checkpoint) -> int | None:
        return quorum_time(cosignatures(checkpoint, self._witnesses)[0], self._manifest.witnesses.quorum)

    def _quorum(self, path: str, checkpoint: Checkpoint, required: bool) -> int | None:
        valid, problems = cosignatures(checkpoint, self._witnesses)
        for problem in problems:
            self._report.stands("V7", path, problem)
        quorum = self._manifest.witnesses.quorum
        time = quorum_time(valid, quorum)
        if time is None:
            say = self._report.breach if required else self._report.stands
            say("V7", path, f"{len(valid)} witnesses cosigned where {quorum} must")
        return time

    def check_window(
        self, times: Mapping[int, int], opened: int | None, closed: int | None, ends: Sequence[int]
    ) -> None:
        """`opened` and `closed` are the sizes right after those entries, `ends[i]` that after batch i+1 (V14)."""
        manifest = self._manifest
        if opened is not None and opened in times and not manifest.opens_at <= times[opened] < manifest.closes_at:
            self._report.breach("V14", checkpoint_path(opened), "voting was opened outside the manifest's times")
        if closed is not None and closed in times and times[closed] < manifest.closes_at + manifest.grace_seconds:
            self._report.breach("V14", checkpoint_path(closed), "voting was closed before the manifest's time")
        elif closed in times and times[closed or 0] < healing_end(manifest, [times.get(end) for end in ends]):
            problem = "closed before the time was over in which missing ballots can be handed in again"
            self._report.stands("V14", checkpoint_path(closed or 0), problem)

    def check_end(self, times: Mapping[int, int], decided: int, abandoned: int | None) -> None:
        """`decided` is the size of the tree that trustees count, `abandoned` that right after the entry which ends the
        referendum without a result (V14)."""
        if abandoned is None or abandoned not in times or decided not in times:
            return
        patience = self._manifest.complaint_seconds + bounds.ABANDON_SECONDS
        if times[abandoned] - times[decided] < patience:
            days = bounds.ABANDON_SECONDS // 86_400
            self._report.breach("V14", checkpoint_path(abandoned), f"ended before trustees had {days} days to count")

    def check_complaints(self, times: Mapping[int, int], decided: int, announced: int | None) -> None:
        """`announced` is the size right after the first tally intent: until then the referendum could be cancelled
        (V14)."""
        if announced is None or announced not in times or decided not in times:
            return
        if times[announced] - times[decided] < self._manifest.complaint_seconds:
            problem = "a trustee announced the count before the time for complaints was over"
            self._report.stands("V14", checkpoint_path(announced), problem)

    def check_batches(self, times: Mapping[int, int], ends: list[int], tokens: Mapping[int, int]) -> None:
        """`ends[i]` is the size after batch i+1; `tokens` how many of its tokens are in no earlier one (V15). After the
        closing time there may be the last batch of the voting, and one of ballots that were handed in again. They may
        be soon. The former may be small if it is the only one, or if no crowd was asked for; the latter always."""
        rules, closes = self._manifest.batching, self._manifest.closes_at
        late = [number for number, size in enumerate(ends, 1) if times.get(size, 0) >= closes]
        most = 2 if rules.healing_seconds else 1
        allowed = late[-most:]
        is_first = last_of_voting(self._manifest, [times[ends[number - 1]] for number in allowed]) is not None
        last, again = (allowed[0], allowed[1:]) if is_first else (0, allowed[-1:])
        previous: int | None = None
        for number, size in enumerate(ends, 1):
            path = checkpoint_path(size)
            time = times.get(size)
            alone = number == last and (number == 1 or rules.minimum_tokens <= 1)
            if tokens.get(number, 0) < rules.minimum_tokens and not alone and number not in again:
                self._report.stands("V15", path, f"batch {number} holds fewer than {rules.minimum_tokens} new tokens")
            if time is None:
                continue
            after = number == last or number in again
            if previous is not None and time - previous < rules.minimum_seconds and not after:
                self._report.stands("V15", path, f"batch {number} follows within {rules.minimum_seconds} seconds")
            if closes - rules.quiet_seconds <= time < closes:
                self._report.stands("V15", path, f"batch {number} falls into the quiet time before the close")
            if time >= closes and (not after or number <= len(ends) - most):
                self._report.stands("V15", path, f"batch {number} came after the close and is not the last one")
            previous = time

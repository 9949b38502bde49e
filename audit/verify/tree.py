"""The tree of a log alone: that its entries hash to a head which its log signed and a quorum cosigned.

For tools that show entries without judging them. Decides nothing about what entries mean.
"""

from __future__ import annotations

from stembus.audit.formats.manifest import referendum_id
from stembus.audit.formats.manifest_rules import parse_manifest
from stembus.audit.log.source import Place
from stembus.audit.verify.checked_log import CheckedLog, SignedRoots
from stembus.audit.verify.checkpoints import CheckpointCheck, check_log_signed
from stembus.audit.verify.report import Report, Verdict
from stembus.audit.verify.stream import LogStream, Unreadable
from stembus.audit.verify.verified_log import LogNotVerified


def check_tree(place: Place, referendum: bytes | None) -> CheckedLog:
    """Raises LogNotVerified, ManifestInvalid or CannotRead."""
    report = Report()
    try:
        tree = _check(place, referendum, report)
    except Unreadable:
        tree = None
    faults = [fault for fault in report.faults if fault.verdict is Verdict.BREACH]
    if faults or tree is None:
        raise LogNotVerified("; ".join(f"{fault.check} {fault.where}: {fault.message}" for fault in faults))
    return tree


def _check(place: Place, referendum: bytes | None, report: Report) -> CheckedLog:
    stream = LogStream(place, report)
    for index, raw in stream.entries():
        if index:
            continue
        if referendum is not None and referendum_id(raw) != referendum:
            raise LogNotVerified(f"this is referendum {referendum_id(raw).hex()}, not the one asked for")
        manifest = parse_manifest(raw)
        if not check_log_signed(stream.checkpoint, manifest, report):
            raise Unreadable
    tree = stream.checked()
    CheckpointCheck(place, manifest, report, SignedRoots(tree, (), ())).check_head(stream.checkpoint)
    return tree

"""Why a witness does not sign, as C2SP tlog-witness tells it apart. Decides names and statuses only."""

from __future__ import annotations

from typing import ClassVar

from stembus.audit.errors import AuditError


class WitnessRefusal(AuditError):
    """`status` is that of HTTP."""

    status: ClassVar[int]


class RequestInvalid(WitnessRefusal):
    """The request is not in its form, or states an old size that is larger than the new one."""

    status = 400


class NotSigned(WitnessRefusal):
    """The log that the checkpoint names did not sign it with its key."""

    status = 403


class LogUnknown(WitnessRefusal):
    """This witness does not follow the log."""

    status = 404


class SizeDiffers(WitnessRefusal):
    """The request does not begin where the witness is; `size` says where that is."""

    status = 409

    def __init__(self, size: int) -> None:
        super().__init__(f"this witness has seen size {size}")
        self.size = size


class NotConsistent(WitnessRefusal):
    """The new tree does not continue the one that was seen, or nothing shows that it does."""

    status = 422

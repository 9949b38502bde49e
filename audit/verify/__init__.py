"""The verifier: from a published bundle and a referendum id to a report, from public files alone."""

from stembus.audit.verify.engine import verify
from stembus.audit.verify.report import Fault, Report, Verdict

__all__ = ["Fault", "Report", "Verdict", "verify"]

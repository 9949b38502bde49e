"""Fails when a test was skipped that is not on the written list."""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

report, allowed = Path(sys.argv[1]), Path(sys.argv[2])
permitted = {line.strip() for line in allowed.read_text().splitlines() if line.strip() and not line.startswith("#")}
skipped = {
    f"{case.get('classname')}::{case.get('name')}"
    for case in ET.parse(report).iter("testcase")  # noqa: S314 - our own report
    if case.find("skipped") is not None
}
if unexpected := sorted(skipped - permitted):
    sys.exit("skipped without being on .ci/allowed-skips:\n" + "\n".join(unexpected))
print(f"{len(skipped)} skipped, all on the list")

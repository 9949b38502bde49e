"""The small published bundle of docs/samples, for whoever wants to verify one before running anything.

`python -m stembus.scripts.develop.sample` replaces it by a new one in the present formats. Decides how large it is;
the referendum itself is the demo's. Its keys are random and thrown away, so no two runs give the same bundle.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from stembus.audit.log.bundle import copy_bundle
from stembus.scripts.rehearsal.demo import run_demo
from stembus.scripts.shell import fail, say

FOLDER = Path(__file__).parents[2] / "docs" / "samples"
BUNDLE, IDENTITY = "kortrijk-small.zip", "kortrijk-small.id"
VOTERS, ELIGIBLE = 40, 60


def write_sample(folder: Path) -> str:
    """Writes the bundle and the file with its referendum id; returns the id."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        report, _ = run_demo(VOTERS, ELIGIBLE, root, None)
        if report.exit_status:
            fail("the new bundle does not verify, and the old one was left as it was")
        identity = (root / "referendum.id").read_text(encoding="ascii").strip()
        folder.mkdir(parents=True, exist_ok=True)
        copy_bundle(root / "public", root / "bundle")
        shutil.make_archive(str((folder / BUNDLE).with_suffix("")), "zip", root / "bundle")
    (folder / IDENTITY).write_text(identity + "\n", encoding="ascii")
    return identity


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes a small published bundle and its referendum id.")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    identity = write_sample(arguments.folder)
    say(f"wrote {arguments.folder / BUNDLE} of referendum {identity}")


if __name__ == "__main__":
    main()

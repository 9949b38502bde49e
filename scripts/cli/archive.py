"""`stembus archive`: what a city's archivist keeps, as a bag (BagIt, RFC 8493) that needs no Stembus to be read.

    FOLDER/bagit.txt  bag-info.txt  manifest-sha256.txt  tagmanifest-sha256.txt
    FOLDER/data/bundle.zip     the published log and all documents, which a verification needs
    FOLDER/data/report.txt     what the verification said, and report.json the same as data
    FOLDER/data/README.txt     what this is, and how it can be checked again

Decides what is in it, and that only a log that verifies is archived. It holds nothing but what is public.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import click

from stembus.audit.durable import write_durably
from stembus.audit.log.bundle import copy_bundle
from stembus.audit.verify import Report
from stembus.ballot.office.new_place import demand_new, made_beside
from stembus.ballot.office.office import NotReady
from stembus.scripts.published import verified
from stembus.scripts.report_text import report_data, report_lines, utc, version_here
from stembus.scripts.shell import DIRECTORY, next_step, open_office, say

_README = """{title}

This is the public record of an online referendum, from its definition to its result.
The number of the referendum is {referendum}.

bundle.zip    the log: every ballot, encrypted, every step of the count, with proofs and signatures,
              and the documents that were published with it, such as the minutes
report.txt    what a verification of it said on the day it was archived, and report.json as data

Who wants to check it again unpacks nothing: with Stembus {version}, or a later one,
    stembus verify bundle.zip --referendum {referendum}
A second program does the same in a browser; its page can be kept as a file beside this one.
The format of the log is described in Stembus's docs/protocol.md, well enough to write a third program.
What is in it names no voter and shows no vote. The keys with which votes were decrypted are not in it.
"""


@click.command()
@DIRECTORY
@click.option("--to", "target", required=True, type=click.Path(path_type=Path, file_okay=False), help="A new folder.")
def archive(directory: Path, target: Path) -> None:
    """Make a package for the archive: the log that verifies, its report, checksums. Only what is public.

    \b
    Example:  stembus archive kortrijk --to kortrijk-archive
    """
    office = open_office(directory)
    demand_new(directory, target)
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "bundle"
        copy_bundle(office.public, copy)
        say("checking the published log ...")
        with verified(str(copy), office.referendum) as report:
            report.demand_log()
            if not report.finished:
                raise NotReady("the referendum is not over: an archive is made of its end")
            packed = shutil.make_archive(str(Path(scratch) / "bundle"), "zip", copy)
            with made_beside(target) as made:
                _fill(made, Path(packed), report)
    click.echo(f"{target}: {report.outcome.word}, {report.figures.entries} log entries")
    next_step("hand the folder over to the archive; any BagIt program finds damage to it")


def _fill(made: Path, bundle: Path, report: Report) -> None:
    data = made / "data"
    data.mkdir(parents=True)
    manifest = report.manifest
    assert manifest is not None  # of a log that verified
    title, referendum = manifest.title[manifest.languages[0]], (report.referendum or b"").hex()
    shutil.copyfile(bundle, data / "bundle.zip")
    lines = "".join(f"{label:13}{text}".rstrip() + "\n" for label, text in report_lines(report))
    write_durably(data / "report.txt", f"{lines}{report.outcome.word}: {report.outcome.sentence}\n".encode())
    write_durably(data / "report.json", json.dumps(report_data(report), indent=1).encode())
    readme = _README.format(title=title, referendum=referendum, version=version_here())
    write_durably(data / "README.txt", readme.encode())
    files = sorted(path for path in data.iterdir())
    size = sum(path.stat().st_size for path in files)
    info = {
        "External-Description": title,
        "External-Identifier": referendum,
        "Bagging-Date": (utc(report.figures.time))[:10],
        "Bag-Software-Agent": f"Stembus {version_here()}",
        "Payload-Oxum": f"{size}.{len(files)}",
    }
    write_durably(made / "bagit.txt", b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
    write_durably(made / "bag-info.txt", "".join(f"{name}: {text}\n" for name, text in info.items()).encode())
    write_durably(made / "manifest-sha256.txt", _sums(made, files))
    tags = [made / name for name in ("bag-info.txt", "bagit.txt", "manifest-sha256.txt")]
    write_durably(made / "tagmanifest-sha256.txt", _sums(made, tags))


def _sums(made: Path, files: list[Path]) -> bytes:
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(made).as_posix()}\n" for path in files
    ]
    return "".join(lines).encode()

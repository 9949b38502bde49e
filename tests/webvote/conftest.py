"""The four services of an open referendum, in this process, on SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from stembus.ballot.office.services import ServedOffice
from stembus.webvote.box_app import create_box_app
from stembus.webvote.desk_app import create_desk_app
from stembus.webvote.registrar_app import create_registrar_app
from stembus.webvote.site.app import create_site_app
from stembus.webvote.theme import plain_theme
from tests.ballot.conftest import Poll, copy_of, move_to_postgres
from tests.conftest import Finished
from tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]
SERVICES = ("registrar", "box", "desk", "site")


def make_apps(office: ServedOffice) -> dict[str, Flask]:
    """By name, as `run.wsgi` makes them."""
    return {
        "registrar": create_registrar_app(office.registrar(), office.manifest),
        "box": create_box_app(office.box, office.manifest, office.log(), office.device_tests),
        "desk": create_desk_app(office.desk(), office.manifest, b"s" * 32, secure=False),
        "site": create_site_app(office.public, plain_theme("056 11 22 33")),
    }


@dataclass
class Served:
    poll: Poll
    apps: dict[str, Flask]

    def client(self, name: str) -> FlaskClient:
        return self.apps[name].test_client()

    def get(self, name: str, path: str, **headers: str) -> tuple[int, str]:
        with self.client(name).get(path, headers=headers) as answer:
            return answer.status_code, answer.get_data(as_text=True)

    def hide_log(self) -> Callable[[], object]:
        """Takes the published folder away, as a disk that is gone; what is returned brings it back."""
        public = self.poll.office.public
        away = public.with_name("away")
        public.rename(away)
        return lambda: away.rename(public)


def serve(poll: Poll) -> Served:
    poll.office.desk().enlist("an", "a long password")
    return Served(poll, make_apps(poll.office))


@pytest.fixture
def served(opened: Finished, tmp_path: Path) -> Iterator[Served]:
    """On SQLite."""
    poll = copy_of(opened, tmp_path / "served")
    yield serve(poll)
    poll.end()


@pytest.fixture
def served_postgres(opened: Finished, tmp_path: Path, postgres_url: str) -> Iterator[Served]:
    poll = copy_of(opened, tmp_path / "served")
    move_to_postgres(poll.office, postgres_url)
    yield serve(poll)
    poll.end()

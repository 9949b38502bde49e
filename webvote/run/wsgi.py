"""The apps apart, for gunicorn: each on its own machine or account, with what it needs and no more.

    gunicorn 'stembus.webvote.run.wsgi:registrar()'  STEMBUS_DIR with registrar-1/ (or 2 and so on), its passphrase
    gunicorn 'stembus.webvote.run.wsgi:box()'        STEMBUS_DIR with box/, log/ and public/
    gunicorn 'stembus.webvote.run.wsgi:site()'       STEMBUS_PUBLIC, the published folder; no key, no database
    gunicorn 'stembus.webvote.run.wsgi:desk()'       STEMBUS_DIR with desk/ and the registrar's database; no passphrase

Settings come from the environment, or from the TOML file that STEMBUS_SETTINGS names; the environment wins. The
addresses of databases stand in settings.toml of STEMBUS_DIR. Nothing is made here: stembus services create did that.
Batches go into the log by `stembus seal`, run every minute.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from stembus.audit.errors import AuditError
from stembus.ballot.errors import BallotError, DatabaseUnreachable
from stembus.ballot.office.services import ServedOffice
from stembus.ballot.office.settings import Settings, load_settings
from stembus.crypto.errors import CryptoError
from stembus.webvote.box_app import create_box_app
from stembus.webvote.desk_app import create_desk_app
from stembus.webvote.logs import log_as
from stembus.webvote.registrar_app import create_registrar_app
from stembus.webvote.site.app import create_site_app
from stembus.webvote.static_files import demand_client
from stembus.webvote.theme import theme_of

APP_LOAD_ERROR = 4  # gunicorn's own status for an app that does not load: it stops, and does not try for ever
TRY_AGAIN = 1  # with any other status but 3, gunicorn starts the worker anew
PAUSE_SECONDS = 2


def _office(settings: Settings) -> ServedOffice:
    office = ServedOffice(Path(settings.need("DIR")), lambda _: settings.need("PASSPHRASE"))
    _ = office.manifest  # is this a referendum's folder?
    print(f"stembus: settings of this service: {settings.source}; {office.databases.settings.source}", file=sys.stderr)
    return office


def _behind_proxy(app: Flask, addresses: bool = False) -> Flask:
    """One proxy in front says whether a client came over HTTPS and by which name. Its address is dropped, but for the
    help desk, which counts wrong passwords by it."""
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=int(addresses), x_proto=1, x_host=1)  # type: ignore[method-assign]
    return app


def _calm(make: Callable[[], Flask]) -> Callable[[], Flask]:
    """A setting that is missing or wrong ends the start in one sentence; a database that does not answer yet, as while
    a machine starts, is waited for. What runs then logs as `logs` says."""

    @wraps(make)
    def app() -> Flask:
        try:
            made = make()
        except DatabaseUnreachable as error:
            print(f"stembus: {make.__name__} waits: {error}", file=sys.stderr)
            time.sleep(PAUSE_SECONDS)
            sys.exit(TRY_AGAIN)
        except (AuditError, BallotError, CryptoError, OSError) as error:
            print(f"stembus: error: {make.__name__}: {error}", file=sys.stderr)
            sys.exit(APP_LOAD_ERROR)
        log_as(make.__name__)
        return made

    return app


@_calm
def registrar() -> Flask:
    settings = load_settings()
    office = _office(settings)
    number = settings.number("REGISTRAR", next(iter(office.registrars_here()), 1))
    return _behind_proxy(create_registrar_app(office.registrar(number), office.manifest))


@_calm
def box() -> Flask:
    office = _office(load_settings())
    return _behind_proxy(create_box_app(office.box, office.manifest, office.log(), office.device_tests))


@_calm
def site() -> Flask:
    settings = load_settings()
    demand_client()
    return _behind_proxy(create_site_app(Path(settings.need("PUBLIC")), theme_of(settings)))


@_calm
def desk() -> Flask:
    office = _office(load_settings())
    return _behind_proxy(create_desk_app(office.desk(), office.manifest, office.desk_secret()), addresses=True)

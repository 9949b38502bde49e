"""A vote from letter to verified log, over HTTPS, with each service as its unit starts it."""

from __future__ import annotations

import os
import re
import socket
import ssl
import stat
import subprocess
import threading
import urllib.parse
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import psycopg
import pytest

from stembus.ballot.issuance.issuance_record import read_record
from stembus.ballot.issuance.issuance_slot import STRUCK
from stembus.scripts.develop.prepare import find_nginx
from tests.browser.conftest import free_port
from tests.deploy.city import NUMBERS, City
from tests.deploy.units import DEPLOY, SERVICES


def test_a_vote_over_https_is_sealed_by_the_units_command_and_verifies(city: City, tmp_path: Path) -> None:
    voted = city.vote(tmp_path / "kept")
    assert voted.returncode == 0, voted.stderr
    assert "promised for batch" in voted.stdout
    seal = city.unit("stembus-seal.service")
    status, said = city.finish(seal, seal.command())
    assert status == 0, said
    assert re.search(r"batch \d+ stands in the log", said), said
    city.await_head()
    # Read by the site's user, through the group of the public folder.
    verified = city.stembus("verify", f"{city.url('site')}/log", "--referendum", city.referendum)
    assert verified.returncode == 4, verified.stdout + verified.stderr
    assert "SOUND SO FAR" in verified.stdout
    assert re.search(r"ballots +1 in 1 batches", verified.stdout), verified.stdout


def test_sealing_ends_with_another_status_when_it_cannot(city: City, tmp_path: Path) -> None:
    """The alarm of the timer hangs on that."""
    seal = city.unit("stembus-seal.service")
    status, said = city.finish(seal, seal.command(), STEMBUS_PASSPHRASE="wrong")
    assert status == 1
    assert "stembus: error:" in said


def test_sealing_a_batch_that_is_due_fails_while_the_registrar_is_not_trusted_and_is_made_up_for(
    city: City, tmp_path: Path
) -> None:
    """As on a machine that was not told to trust the registrar's own certificate."""
    assert city.vote(tmp_path / "kept").returncode == 0
    seal = city.unit("stembus-seal.service")
    status, said = city.finish(seal, seal.command(), SSL_CERT_FILE=os.devnull)
    assert status == 1
    assert f"stembus: error: {city.url('registrar')}" in said
    status, said = city.finish(seal, seal.command())
    assert status == 0, said
    assert re.search(r"batch \d+ stands in the log", said), said


def test_the_help_desk_strikes_a_voter_with_few_rights_in_the_registrars_database(city: City, tmp_path: Path) -> None:
    assert city.vote(tmp_path / "kept").returncode == 0
    desk = city.unit("stembus-desk.service")
    folder, program = str(city.root / "srv" / "desk"), desk.command()[0].replace("gunicorn", "stembus")
    added = city.finish(desk, [program, "desk", "add", folder, "an.peeters"], STEMBUS_DESK_PASSWORD="rehearsal-desk")
    assert added[0] == 0, added[1]
    address = {"user": "stembus-desk", "host": str(city.sockets), "dbname": "stembus-registrar"}
    with psycopg.connect(**address) as database:
        untouched = "SELECT number FROM voter LEFT JOIN letter_change c USING (credential) WHERE c IS NULL"
        number = database.execute(f"{untouched} AND voter.state = 'ready' ORDER BY number").fetchone()
    assert number is not None
    cookie = _sign_in(city)
    status, page = _post(city, "/nl/voter", {"number": number[0], "action": "strike-confirmed"}, cookie)
    assert status == 200, page
    with psycopg.connect(**address, autocommit=True) as database:
        changed = "SELECT letter_change.state FROM voter JOIN letter_change USING (credential) WHERE number = %s"
        state = database.execute(changed, number).fetchone()
        assert state == ("struck",)
        assert [slot for _, slot in read_record(city.record).slots()].count(STRUCK) == 1
        for forbidden in (
            "UPDATE voter SET factor = 'x'",
            "UPDATE voter SET state = 'ready'",
            "UPDATE letter_change SET request_hash = NULL",
            "INSERT INTO letter_change SELECT credential, 'issued', 0, credential, credential FROM voter",
            "TRUNCATE letter_change",
            "DELETE FROM voter",
            "INSERT INTO voter SELECT * FROM voter",
            "UPDATE registrar_state SET halted = ''",
            "UPDATE voter SET state = 'issued'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                database.execute(forbidden.encode())
        # What a letter has become is not taken back, nor is a token forgotten.
        assert database.execute("UPDATE letter_change SET state = 'ready' WHERE state <> 'ready'").rowcount == 0
        issued = (
            "SELECT count(*) FROM voter FULL JOIN letter_change c USING (credential) WHERE 'issued' IN (%s, c.state)"
        )
        assert database.execute(issued.replace("%s", "voter.state").encode()).fetchone() != (0,)


def test_the_desk_counts_wrong_passwords_by_where_they_come_from(city: City) -> None:
    """What a client claims of its address changes nothing."""
    form = {"name": "an.peeters", "password": "wrong wrong wrong"}

    def tries(source: str, number: int) -> list[int]:
        claimed = [f"X-Forwarded-For: 10.0.0.{k}\r\n" for k in range(number)]
        return [_request(city, "/nl/sign-in", form, more=one, source=source)[0] for one in claimed]

    assert tries("127.0.0.2", 12) == [403] * 10 + [429] * 2
    assert tries("127.0.0.3", 1) == [403]


@pytest.mark.parametrize(("name", "folder"), [("box", "office"), ("registrar", "registrar"), ("desk", "desk")])
def test_the_doctor_fails_nothing_that_the_guide_installs(city: City, name: str, folder: str) -> None:
    unit = city.unit(f"stembus-{name}.service")
    program, root = unit.command()[0].replace("gunicorn", "stembus"), city.root / "srv" / folder
    status, said = city.finish(unit, [program, "doctor", str(root)])
    assert [line for line in said.splitlines() if "FAIL" in line] == [], said
    assert status == 0, said


def test_one_service_cannot_even_connect_to_anothers_database(city: City) -> None:
    for user, database in (
        ("stembus-box", "stembus-registrar"),
        ("stembus-registrar", "stembus-box"),
        ("stembus-registrar", "stembus-desk"),
        ("stembus-desk", "stembus-box"),
    ):
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(host=str(city.sockets), user=user, dbname=database)
        psycopg.connect(host=str(city.sockets), user=user, dbname=user).close()


def _sign_in(city: City) -> str:
    status, headers = _request(city, "/nl/sign-in", {"name": "an.peeters", "password": "rehearsal-desk"})
    assert status == 303
    assert "Secure" in headers
    found = re.search("stembus_desk=[^;]+", headers)
    assert found
    return found[0]


def _post(city: City, path: str, form: dict[str, str], cookie: str) -> tuple[int, str]:
    return _request(city, path, form, cookie)


def _request(
    city: City, path: str, form: dict[str, str], cookie: str = "", more: str = "", source: str = "127.0.0.1"
) -> tuple[int, str]:
    """Status, and the answer as it stands on the wire; redirections are not followed."""
    body, host = urllib.parse.urlencode(form).encode(), f"127.0.0.1:{city.tls['desk']}"
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: https://{host}\r\nConnection: close\r\n"
    head += (
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\nCookie: {cookie}\r\n{more}"
    )
    with _connect(city, "desk", source) as connection:
        connection.sendall(head.encode() + b"\r\n" + body)
        answer = _read(connection)
    return int(answer.split()[1]), answer


def _read(connection: socket.socket) -> str:
    return b"".join(iter(lambda: connection.recv(65536), b"")).decode("latin-1")


def _connect(city: City, name: str, source: str = "127.0.0.1") -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(city.certificate))
    plain = socket.create_connection(("127.0.0.1", city.tls[name]), timeout=30, source_address=(source, 0))
    return context.wrap_socket(plain, server_hostname="127.0.0.1")


@pytest.mark.parametrize("name", SERVICES)
def test_every_answer_says_once_to_come_back_over_https(city: City, name: str) -> None:
    for path in ("/", "/" + "x" * 5000):  # the service's own answer, and a refusal of the proxy
        with _connect(city, name) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            answer = _read(connection).lower()
        assert answer.count("strict-transport-security: max-age=63072000") == 1, answer[:400]
        assert not re.search(r"server: \S+/\d", answer)


@pytest.mark.parametrize(("version", "spoken"), [("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)])
def test_tls_1_2_and_1_3_are_spoken_and_nothing_older(city: City, version: str, spoken: bool) -> None:
    context = ssl.create_default_context(cafile=str(city.certificate))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python speaks of the old version's age
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    with socket.create_connection(("127.0.0.1", city.tls["box"])) as plain:
        if spoken:
            context.wrap_socket(plain, server_hostname="127.0.0.1").close()
        else:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_a_name_that_is_not_ours_gets_no_answer(city: City) -> None:
    context = ssl._create_unverified_context()
    with socket.create_connection(("127.0.0.1", city.unnamed)) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname="elsewhere.example.org")


def test_plain_http_leads_to_https(city: City) -> None:
    with socket.create_connection(("127.0.0.1", city.plain)) as connection:
        connection.sendall(b"GET /nl/vote HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        answer = _read(connection)
    assert answer.startswith("HTTP/1.1 301")
    assert "\r\nLocation: https://vote.example.org/nl/vote\r\n" in answer


@pytest.mark.parametrize(("name", "most"), [("box", 64 * 1024), ("registrar", 8 * 1024), ("desk", 4 * 1024)])
def test_a_body_above_the_limit_does_not_reach_the_service(city: City, name: str, most: int) -> None:
    """The proxy's refusal is a page of its own; the service's has a policy for browsers."""
    for size, refused_by_proxy in ((most, False), (most + 1, True)):
        with _connect(city, name) as connection:
            head = f"POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n"
            connection.sendall(head.encode())
            if not refused_by_proxy:
                connection.sendall(b"x" * size)
            answer = connection.recv(65536).decode("latin-1").lower()
        assert ("content-security-policy" not in answer) == refused_by_proxy, answer[:400]


def test_the_log_may_be_kept_by_the_proxy_only_where_the_pages_say_so(city: City) -> None:
    status, headers, _ = city.get("site", "/log/checkpoint")
    assert (status, headers["cache-control"]) == (200, "public, max-age=0, s-maxage=5")
    tile = city.office / "public" / "tile" / "0" / "000"
    assert not tile.exists()
    tile.write_bytes(b"first")
    tile.chmod(0o644)
    try:
        assert city.get("site", "/log/tile/0/000")[2] == b"first"
        tile.write_bytes(b"other")
        assert city.get("site", "/log/tile/0/000?again")[2] == b"first"
    finally:
        tile.unlink()


def test_a_voting_page_is_kept_by_the_proxy_for_seconds_and_by_no_browser(city: City) -> None:
    stored = city.root / "nginx" / "cache"
    status, headers, page = city.get("site", "/nl/vote")
    assert (status, headers["cache-control"]) == (200, "no-store")
    assert "x-accel-expires" not in headers, "said to the proxy alone"
    assert city.get("site", "/nl/vote", **{"If-None-Match": headers["etag"]})[:1] == (304,)
    kept = [path.read_bytes() for path in stored.rglob("*") if path.is_file()]
    assert [data for data in kept if page in data], "it takes the evening's peak"
    for path in ("/readyz", "/metrics", "/nl/nowhere"):
        city.get("site", path)
        assert not [
            data for data in map(Path.read_bytes, filter(Path.is_file, stored.rglob("*"))) if path.encode() in data
        ]


class _Listener(BaseHTTPRequestHandler):
    """A service that remembers what it was given."""

    heard: ClassVar[list[tuple[str, dict[str, str]]]] = []

    def do_GET(self) -> None:
        self.heard.append((self.command, {name.lower(): value for name, value in self.headers.items()}))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(204)
        self.end_headers()

    do_POST = do_GET  # noqa: N815 - a name that HTTPServer looks for

    def log_message(self, *words: object) -> None: ...


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[int]:
    """The port of a proxy that has the snippet as it stands, in front of a listener."""
    _Listener.heard.clear()
    server = HTTPServer(("127.0.0.1", 0), _Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port, program = free_port(), find_nginx()
    assert program is not None
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in kinds)
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/log; daemon off; events {{}} http {{ access_log off; {temporary} "
        f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{server.server_port}; "
        f"include {DEPLOY}/nginx/stembus-proxy.conf; }} }} }}"
    )
    nginx = subprocess.Popen([program, "-p", tmp_path, "-c", tmp_path / "nginx.conf", "-e", tmp_path / "start"])
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                threading.Event().wait(0.1)
        yield port
    finally:
        nginx.terminate()
        nginx.wait(30)
        server.shutdown()
        server.server_close()


def _ask(port: int, request: str) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request.encode())
        return _read(connection)


def test_the_proxy_hands_on_name_and_scheme_and_no_client(listening: int) -> None:
    claimed = "X-Forwarded-For: 9.9.9.9\r\nX-Real-IP: 9.9.9.9\r\nForwarded: for=9.9.9.9\r\nUser-Agent: mine\r\n"
    claimed += "X-Forwarded-Proto: http\r\nX-Forwarded-Host: evil.example\r\nReferer: https://evil.example/\r\n"
    claimed += "Origin: https://vote.example.org\r\nAccept-Language: fr\r\n"
    assert " 204 " in _ask(listening, f"GET / HTTP/1.1\r\nHost: a.example\r\n{claimed}Connection: close\r\n\r\n")
    given = {
        "host": "a.example",
        "x-forwarded-host": "a.example",
        "x-forwarded-proto": "https",
        "connection": "close",
        "origin": "https://vote.example.org",
        "accept-language": "fr",
    }
    assert _Listener.heard == [("GET", given)]


def test_the_proxy_hands_on_nothing_before_a_request_is_whole(listening: int) -> None:
    head = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", listening)) as slow:
        slow.sendall(head.encode() + b"x" * 1999)
        # The listener takes one at a time, so it would have heard of the slow one first.
        assert " 204 " in _ask(listening, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert [method for method, _ in _Listener.heard] == ["GET"]
        slow.sendall(b"x")
        assert " 204 " in _read(slow)
    assert [method for method, _ in _Listener.heard] == ["GET", "POST"]


def _broken_hello() -> bytes:
    """How a handshake begins, with a point that is on no curve: nginx calls that critical, and names the client."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_ecdh_curve("prime256v1")
    sent = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="127.0.0.1").do_handshake()
    before, mark, point = sent.read().partition(b"\x00\x41\x04")
    return before + mark + bytes([point[0] ^ 1]) + point[1:]


def test_neither_proxy_nor_services_write_down_who_came(city: City) -> None:
    """After requests of all kinds, broken ones and a failed handshake among them."""
    city.get("site", "/nl/")
    city.get("box", "/nothing-here")
    for name in SERVICES:
        for said in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\x00" * 50, _broken_hello()):
            with socket.create_connection(("127.0.0.1", city.tls[name])) as connection:
                connection.sendall(said)
                connection.recv(65536)
        with _connect(city, name) as secured:
            secured.sendall(b"G\x00T / HTTP/9\r\n\r\n")
            secured.recv(65536)
    written = {path.name: path.read_text() for path in (city.root / "nginx" / "logs").iterdir()}
    assert "stembus.log" in written
    assert {name: text for name, text in written.items() if text and name != "start"} == {}
    kept = [path for path in (city.root / "nginx" / "temp").rglob("*") if path.is_file()]
    assert kept == []


def test_what_the_services_write_can_be_read_by_those_it_is_for(city: City) -> None:
    """Published files by the site's group; secrets by their owner alone."""
    public = city.office / "public"
    for path in [public, *public.rglob("*")]:
        assert path.stat().st_mode & 0o070 in (0o040, 0o050), path
    for party in ("box", "log", "officer-1", "trustee-1"):
        assert stat.S_IMODE((city.office / party).stat().st_mode) == 0o700
    assert stat.S_IMODE((city.root / "srv" / "registrar").stat().st_mode) == 0o700
    assert stat.S_IMODE(city.office.stat().st_mode) == 0o710
    settings = [city.office / "settings.toml", *(city.root / "etc").glob("*.env")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in settings} == {0o600}


CAN = {
    "box": {"office/box/note", "office/public/note"},
    "site": set(),
    "registrar": {"registrar/registrar-1/note", "letters/note"},
    "desk": {"desk/note"},
}


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_writes_its_own_folder_and_reads_no_others(city: City, name: str) -> None:
    if not city.confined:
        pytest.skip("only root can start a service as another user")
    unit = city.unit(f"stembus-{name}.service")
    places = [f"{city.root}/srv/{path}" for path in (*sorted(set().union(*CAN.values())), "note")]
    tried = " ".join([*places, f"{city.root}/etc/note", "/var/tmp/stembus-note"])
    script = f'for f in {tried}; do if (echo x > "$f") 2>/dev/null; then echo "$f"; rm "$f"; fi; done'
    status, said = city.finish(unit, ["/bin/sh", "-c", script])
    assert status == 0, said
    assert {path.removeprefix(f"{city.root}/srv/") for path in said.split()} == CAN[name]
    secrets = f"find {city.root}/srv -name '*.key' -readable 2>/dev/null || true"
    status, said = city.finish(unit, ["/bin/sh", "-c", secrets])
    owners = {Path(line).relative_to(city.root / "srv").parts[0] for line in said.split()}
    assert owners == {"box": {"office"}, "registrar": {"registrar"}, "desk": {"desk"}, "site": set()}[name]
    assert NUMBERS[unit.get("User")] != os.geteuid()


WRITES_RECORD = {"registrar": "written", "desk": "written", "box": "", "site": ""}


@pytest.mark.parametrize("name", SERVICES)
def test_registrar_and_help_desk_alone_write_the_issuance_record(city: City, name: str) -> None:
    if not city.confined:
        pytest.skip("only root can start a service as another user")
    unit = city.unit(f"stembus-{name}.service")
    status, said = city.finish(unit, ["/bin/sh", "-c", f"(: >> {city.record}) 2>/dev/null && echo written || true"])
    assert (status, said.strip()) == (0, WRITES_RECORD[name])
    status, said = city.finish(unit, ["/bin/sh", "-c", f"cat {city.record} > /dev/null"])
    assert (status == 0) == bool(WRITES_RECORD[name]), said


def test_the_help_desk_cannot_put_another_issuance_record_in_the_place_of_the_one_that_is_there(city: City) -> None:
    if not city.confined:
        pytest.skip("only root can start a service as another user")
    before = city.record.stat().st_ino
    move = f"cp {city.record} {city.root}/srv/desk/other && mv -f {city.root}/srv/desk/other {city.record}"
    status, said = city.finish(city.unit("stembus-desk.service"), ["/bin/sh", "-c", move])
    assert status != 0
    assert "denied" in said
    assert city.record.stat().st_ino == before
    (city.root / "srv" / "desk" / "other").unlink()

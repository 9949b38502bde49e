"""Installs `deploy/` below one folder and runs it: what docs/administrator-guide.md tells an administrator to do.

Decides the substitutions, which are all listed in `City.substitutions` and `City.nginx_text`. Leaves to the tests what
is done with the running services.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stembus.scripts.develop.prepare import find_nginx, find_postgres
from stembus.webvote.theme import EXAMPLE
from tests.browser.conftest import free_port
from tests.deploy.units import DEPLOY, SERVICES, UNITS, Unit, parse_unit

CONFINE = Path(__file__).with_name("confine.py")
ROOT = DEPLOY.parent
NUMBERS = {"stembus-box": 64101, "stembus-site": 64102, "stembus-registrar": 64103, "stembus-desk": 64104}
NUMBERS |= {"stembus-public": 64105, "stembus-letters": 64106, "stembus-witness": 64107, "root": 0}
NAMES = {"site": "vote.example.org", "box": "box.example.org", "registrar": "registrar.example.org"}
NAMES |= {"desk": "desk.example.org", "witness": "witness.example.org"}
RUNNING = (*SERVICES, "witness")  # of an organisation of its own, on this machine too
LETTERS = 12
MAKE = """
import sys
import stembus.crypto.sealed as sealed
from pathlib import Path
from stembus.scripts.rehearsal.local import make_rehearsal
sealed._OPS, sealed._MEMORY = 1, 8192
root, port, letters, registrar, box = sys.argv[1:]
make_rehearsal(Path(root), 600, int(port), int(letters), registrar, box,
               lambda draft: draft.replace("http://127.0.0.1", "https://127.0.0.1"))
"""


def may_confine() -> bool:
    """Whether units can run as other users, and see a read-only system: as root, where namespaces are allowed."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode == 0


@dataclass
class City:
    root: Path
    sockets: Path
    letters: list[list[str]] = field(default_factory=list)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    witness_key: str = ""

    def __post_init__(self) -> None:
        self.ports = {name: free_port() for name in RUNNING}
        self.tls = {name: free_port() for name in RUNNING}
        self.plain, self.unnamed = free_port(), free_port()
        self.confined = may_confine()

    @cached_property
    def substitutions(self) -> dict[str, str]:
        """Everything in which units and settings differ from what is installed."""
        places = {
            "/srv/stembus": self.root / "srv",
            "/etc/stembus": self.root / "etc",
            "/opt/stembus/bin": Path(sys.executable).parent,
            "/run/postgresql": self.sockets,
            "/var/log/nginx": self.root / "nginx" / "logs",
            "/var/cache/nginx-stembus": self.root / "nginx" / "cache",
        }
        ports = {f"127.0.0.1:{8001 + k}": f"127.0.0.1:{self.ports[name]}" for k, name in enumerate(SERVICES)}
        ports |= {f"{before}8760": f"{before}{self.ports['witness']}" for before in ("127.0.0.1:", "--port ")}
        # One process has 16 threads, which the tests of slow clients have to fill.
        workers = {f"--workers {number}": "--workers 1" for number in (2, 4)}
        return {name: str(path) for name, path in places.items()} | ports | workers

    def text(self, path: Path) -> str:
        text = path.read_text(encoding="utf-8")
        for old, new in self.substitutions.items():
            text = text.replace(old, new)
        return text

    def nginx_text(self, path: Path) -> str:
        """Each site has a port of its own at 127.0.0.1, instead of 443 at a name of its own; nothing of IPv6."""
        text = re.sub(r"\n *listen \[::\]:[^\n]*", "", self.text(path))
        blocks = re.split(r"(?=\nserver \{)", text)
        for k, block in enumerate(blocks):
            named = next((name for name, host in NAMES.items() if f"server_name {host};" in block), "")
            port = self.tls[named] if named else self.unnamed
            block = re.sub(r"listen (443|127\.0\.0\.1:8443) ", f"listen 127.0.0.1:{port} ", block)
            block = block.replace("listen 80;", f"listen 127.0.0.1:{self.plain};")
            blocks[k] = re.sub(r"server_name \S+;", "server_name 127.0.0.1;", block)
        return "".join(blocks)

    @property
    def office(self) -> Path:
        return self.root / "srv" / "office"

    @property
    def record(self) -> Path:
        """The registrar's issuance record, after the letters were handed over."""
        return self.root / "srv" / "letters" / "issuance.record"

    @property
    def certificate(self) -> Path:
        return self.root / "etc" / "tls" / "vote.pem"

    def url(self, name: str) -> str:
        return f"https://127.0.0.1:{self.tls[name]}"

    def unit(self, name: str) -> Unit:
        return parse_unit(self.text(UNITS[name]))

    # Installing, as the guide says

    def install(self) -> None:
        for folder in ("office", "registrar", "witness"):
            self._make_folders(DEPLOY / folder / "tmpfiles.conf")
        (self.root / "scratch").mkdir()
        self._install_settings()
        self._make_certificates()
        self._install_nginx()
        for folder in ("office", "registrar"):
            self.psql("stembus", "postgres", DEPLOY / folder / "database.sql")

    def _make_folders(self, table: Path) -> None:
        rows = [line.split() for line in self.text(table).splitlines() if line.startswith("d ")]
        for _, path, mode, user, group, _ in rows:
            Path(path).mkdir(parents=True, exist_ok=True)
            self.own(Path(path), user, group)
            Path(path).chmod(int(mode, 8))

    def own(self, path: Path, user: str, group: str = "") -> None:
        if self.confined:
            os.chown(path, NUMBERS[user], NUMBERS[group or user])

    def _install(self, source: Path, target: Path, user: str, change: tuple[str, str] = ("", "")) -> None:
        target.write_text(self.text(source).replace(*change), encoding="utf-8")
        target.chmod(0o600)
        self.own(target, user)

    def _install_settings(self) -> None:
        etc, srv, filled = self.root / "etc", self.root / "srv", ("PASSPHRASE=", "PASSPHRASE=rehearsal")
        self._install(DEPLOY / "office" / "box.env", etc / "box.env", "root", filled)
        self._install(DEPLOY / "office" / "site.env", etc / "site.env", "root")
        shutil.copytree(EXAMPLE, etc / "theme")
        self._install(
            DEPLOY / "witness" / "witness.env", etc / "witness.env", "root", ("WITNESS=", "WITNESS=rehearsal")
        )
        self._install(DEPLOY / "registrar" / "registrar.env", etc / "registrar.env", "root", filled)
        self._install(DEPLOY / "office" / "settings.toml", srv / "office" / "settings.toml", "stembus-box")
        for name, source in (("registrar", "settings.toml"), ("desk", "desk-settings.toml")):
            self._install(DEPLOY / "registrar" / source, srv / name / "settings.toml", f"stembus-{name}")

    def _make_certificates(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
        certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        plain = serialization.NoEncryption()
        secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        folder = self.root / "etc" / "tls"
        folder.mkdir(mode=0o755)
        for site in ("vote", "box", "registrar", "desk", "witness"):
            (folder / f"{site}.pem").write_bytes(certificate)
            (folder / f"{site}.key").write_bytes(secret)
            (folder / f"{site}.key").chmod(0o600)

    def _install_nginx(self) -> None:
        nginx = self.root / "nginx"
        for name in ("conf.d", "snippets", "sites-enabled", "logs", "temp"):
            (nginx / name).mkdir(parents=True)
        for folder, paths in {
            "conf.d": [DEPLOY / "nginx" / "stembus-http.conf"],
            "snippets": [DEPLOY / "nginx" / f"stembus-{name}.conf" for name in ("server", "proxy")],
            "sites-enabled": sorted(DEPLOY.glob("*/*.nginx")),
        }.items():
            for path in paths:
                (nginx / folder / path.name).write_text(self.nginx_text(path), encoding="utf-8")
        (nginx / "nginx.conf").write_text(self._debian_nginx(nginx), encoding="utf-8")

    def _debian_nginx(self, nginx: Path) -> str:
        """What Debian's own nginx.conf says, with its access log and its old TLS; and places that anybody may write."""
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"    {kind}_temp_path {nginx}/temp/{kind};\n" for kind in kinds)
        user = "user nobody nogroup;\n" if os.geteuid() == 0 else ""
        return (
            f"{user}worker_processes 1;\npid {nginx}/pid;\nerror_log {nginx}/logs/error.log;\n"
            "events {\n    worker_connections 768;\n}\nhttp {\n    sendfile on;\n    tcp_nopush on;\n"
            "    types_hash_max_size 2048;\n    default_type application/octet-stream;\n"
            "    ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;\n    ssl_prefer_server_ciphers on;\n"
            f"    access_log {nginx}/logs/access.log;\n    gzip on;\n{temporary}"
            "    include conf.d/*.conf;\n    include sites-enabled/*;\n}\n"
        )

    def psql(self, role: str, database: str, file: Path) -> None:
        programs = find_postgres()
        assert programs is not None
        command = [
            str(programs / "psql"),
            "-q",
            "-o",
            "/dev/null",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            str(self.sockets),
            "-U",
            role,
        ]
        subprocess.run([*command, "-d", database, "-f", str(file)], check=True)

    # Running

    def run(self, unit: Unit, command: list[str], **environment: str) -> subprocess.Popen[bytes]:
        """Starts `command` as the unit's user, in its environment."""
        user = unit.get("User")
        asked = {
            "user": NUMBERS[user] if self.confined else None,
            "group": NUMBERS[unit.get("Group", user)],
            "groups": [NUMBERS[name] for value in unit.all("SupplementaryGroups") for name in value.split()],
            "umask": unit.get("UMask", "0022"),
            "write": unit.all("ReadWritePaths"),
            "read": [sys.base_prefix, sys.prefix, str(ROOT)],
            "scratch": str(self.root / "scratch"),
            "command": command,
        }
        around = ["unshare", "--mount", "--propagation", "private"] if self.confined else []
        # What systemd gives besides; and where the certificate is that this city signed itself.
        given = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "SSL_CERT_FILE": str(self.certificate)}
        return subprocess.Popen(
            [*around, sys.executable, str(CONFINE), json.dumps(asked)],
            env=given | unit.environment() | environment,
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def finish(self, unit: Unit, command: list[str], **environment: str) -> tuple[int, str]:
        """Runs it to its end: exit status, and what it said."""
        process = self.run(unit, command, **environment)
        out, err = process.communicate(timeout=120)
        return process.returncode, (out + err).decode()

    def prepare_referendum(self) -> None:
        """What officials do in the office's folder, as its user."""
        addresses = [str(self.office), str(self.tls["site"]), str(LETTERS), self.url("registrar"), self.url("box")]
        status, said = self.finish(self.unit("stembus-box.service"), [sys.executable, "-c", MAKE, *addresses])
        assert status == 0, said

    def hand_letters_over(self) -> None:
        """Key, pepper, record and letters go to the registrar; the help desk gets few rights."""
        programs, registrar = find_postgres(), self.root / "srv" / "registrar"
        assert programs is not None
        dump = [str(programs / "pg_dump"), "-h", str(self.sockets), "-U", "stembus-box", "--no-owner", "--no-acl"]
        letters = self.root / "letters.sql"
        subprocess.run([*dump, "-f", str(letters), "stembus-letters"], check=True)
        self.psql("stembus-registrar", "stembus-registrar", letters)
        for _ in range(2):  # as often as you like
            self.psql("stembus", "stembus-registrar", DEPLOY / "registrar" / "desk-rights.sql")
        shutil.move(self.office / "registrar-1", registrar / "registrar-1")
        desk = self.root / "srv" / "desk"
        shutil.move(registrar / "registrar-1" / "issuance.record", self.record)
        self.own(self.record, "stembus-registrar", "stembus-letters")
        self.record.chmod(0o660)
        (desk / "registrar-1").mkdir(mode=0o700)
        shutil.copy(registrar / "registrar-1" / "database", desk / "registrar-1")
        for name in ("registrar", "desk"):
            shutil.copy(self.office / "manifest.json", self.root / "srv" / name)
            for path in (self.root / "srv" / name).rglob("*"):
                self.own(path, f"stembus-{name}")
        program = str(Path(sys.executable).with_name("stembus"))
        create = [program, "services", "create", str(desk), "--desk"]
        status, said = self.finish(self.unit("stembus-desk.service"), create)
        assert status == 0, said

    def make_witness(self, log: str) -> str:
        """As the witness's user: its keys, and the log that it follows. Returns its verifier key."""
        unit, folder = self.unit("stembus-witness.service"), str(self.root / "srv" / "witness")
        program = str(Path(sys.executable).with_name("stembus"))
        status, said = self.finish(unit, [program, "witness", "create", folder, "--name", NAMES["witness"]])
        assert status == 0, said
        status, told = self.finish(unit, [program, "witness", "follow", folder, log])
        assert status == 0, told
        return said.split("\n")[0]

    def start(self) -> None:
        for name in RUNNING:
            unit = self.unit(f"stembus-{name}.service")
            self.running.append(self.run(unit, unit.command()))
        nginx = self.root / "nginx"
        program = find_nginx()
        assert program is not None, "there is no nginx here; make test says how to get it"
        command = [str(program), "-p", str(nginx), "-c", str(nginx / "nginx.conf"), "-e", str(nginx / "logs" / "start")]
        self.running.append(subprocess.Popen([*command, "-g", "daemon off;"]))
        for name in RUNNING:
            self.await_answer(name)

    def await_answer(self, name: str) -> None:
        for _ in range(150):
            try:
                if self.get(name, "/")[0] != 502:
                    return
            except OSError:
                pass
            for process in self.running:
                if process.poll() is not None:
                    said = process.stderr.read().decode() if process.stderr else ""
                    raise AssertionError(f"{process.args} ended: {said}")
            time.sleep(0.2)
        raise AssertionError(f"the {name} does not answer")

    def get(self, name: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers in small letters, body."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open(urllib.request.Request(self.url(name) + path, headers=headers), timeout=30) as answer:
                return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()

    def await_head(self) -> None:
        """The proxy keeps a checkpoint for some seconds."""
        head = (self.office / "public" / "checkpoint").read_bytes()
        for _ in range(150):
            if self.get("site", "/log/checkpoint")[2] == head:
                return
            time.sleep(0.2)
        raise AssertionError("the proxy hands out an old checkpoint")

    def stop(self) -> None:
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        for process in self.running:
            process.communicate(timeout=60)

    # What voters and officials type

    def stembus(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """On somebody's own machine, which knows the city's certificate."""
        program = [sys.executable, "-c", "from stembus.scripts.cli.main import main; main()", *arguments]
        environment = os.environ | {"SSL_CERT_FILE": str(self.certificate)}
        return subprocess.run(
            program, input=typed, capture_output=True, text=True, check=False, env=environment, timeout=180
        )

    @property
    def referendum(self) -> str:
        return (self.office / "referendum.id").read_text().strip()

    def vote(self, kept: Path, choice: int = 1) -> subprocess.CompletedProcess[str]:
        code, born = self.letters.pop()
        words = ["vote", self.url("site"), "--referendum", self.referendum, "--code", code, "--factor", born]
        return self.stembus(*words, "--choice", str(choice), "--keep", str(kept), typed="cast")

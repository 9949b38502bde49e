"""Forged rolls (class 7): credentials, spares, replacements, issuance."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from stembus.audit.formats.lists import Issued, acknowledgement_digest, encode_keys, list_root, request_digest
from stembus.crypto.signing import SchnorrKey
from tests.tampered.catalogue import STANDS, add, forgery
from tests.tampered.forge import Body, Forge


def keys_of(forge: Forge, name: str) -> list[bytes]:
    return [bytes.fromhex(line) for line in forge.lists[name].decode().split()]


def relist(forge: Forge, credentials: list[bytes] | None = None, spares: list[bytes] | None = None) -> None:
    """New lists, with their lengths and roots in a newly signed roll."""

    def change(body: Body) -> None:
        for name, keys, count in (("credentials", credentials, "count"), ("spares", spares, "spares")):
            if keys is not None:
                forge.lists[name] = encode_keys(keys).encode()
                length, root = list_root(sorted(keys))
                body[count], body[f"{name}_root"] = length, root.hex()

    forge.edit_setup("roll", change)


@forgery(7, "V13", also=("V1",))
def roll_with_one_person_too_many(forge: Forge) -> None:
    listed = keys_of(forge, "credentials")
    # The last one in the list: no voter is beyond the list's bound.
    while (more := SchnorrKey.generate().public) < max(listed):
        pass
    relist(forge, [*listed, more])


@forgery(7, "V13")
def roll_with_one_person_too_few(forge: Forge) -> None:
    relist(forge, [k for k in keys_of(forge, "credentials") if k != forge.keys.credentials[30].public])


@forgery(7, "V13")
def roll_with_another_root(forge: Forge) -> None:
    forge.edit_setup("roll", lambda body: body.update(credentials_root="00" * 32))


@forgery(7, "V13")
def spares_with_another_root(forge: Forge) -> None:
    forge.edit_setup("roll", lambda body: body.update(spares_root="00" * 32))


@forgery(7, "V13")
def spares_with_another_length(forge: Forge) -> None:
    forge.edit_setup("roll", lambda body: body.update(spares=2))


@forgery(7, "V13")
def credentials_in_another_order(forge: Forge) -> None:
    lines = [*forge.lists["spares"].splitlines(keepends=True), b"00" * 32 + b"\n"]
    forge.lists["spares"] = b"".join(lines)


@forgery(7, "V13")
def credential_off_the_curve(forge: Forge) -> None:
    keys = [k for k in keys_of(forge, "credentials") if k != forge.keys.credentials[30].public]
    relist(forge, [(5).to_bytes(32, "big"), *keys])
    forge.with_tally = False
    forge.issued = []
    forge.batches = []


@forgery(7, "V13")
def one_key_on_both_lists(forge: Forge) -> None:
    relist(forge, spares=[forge.keys.credentials[30].public])


@forgery(7, "V13")
def list_in_upper_case(forge: Forge) -> None:
    forge.lists["spares"] = forge.lists["spares"].upper()


@forgery(7, "V13")
def list_without_its_last_newline(forge: Forge) -> None:
    forge.lists["spares"] = forge.lists["spares"][:-1]


# Issuance.


def forged_line(forge: Forge, credential: SchnorrKey, signer: SchnorrKey | None = None) -> Issued:
    request = hashlib.sha256(b"request").digest()
    signature = (signer or credential).sign(request_digest(forge.referendum, 1, request))
    return Issued(credential.public, request, signature)


def add_line(make: Callable[[Forge], Issued]) -> Callable[[Forge], None]:
    def maker(forge: Forge) -> None:
        forge.issued = [*forge.issued, make(forge)]

    return maker


add("token_issued_to_a_stranger", 7, "V21", add_line(lambda f: forged_line(f, SchnorrKey.generate())))
add("token_issued_to_an_unused_spare", 7, "V21", add_line(lambda f: forged_line(f, f.keys.spares[0])))
add(
    "issuance_not_signed_by_its_credential",
    7,
    "V21",
    add_line(lambda f: forged_line(f, f.keys.credentials[30], SchnorrKey.generate())),
)


@forgery(7, "V21")
def issuance_signed_for_another_request(forge: Forge) -> None:
    line = forge.issued[0]
    forge.issued = [replace(line, request_hash=bytes(32)), *forge.issued[1:]]


@forgery(7, "V21")
def issuance_signed_for_another_registrar(forge: Forge) -> None:
    credential = forge.keys.credentials[30]
    request = hashlib.sha256(b"request").digest()
    line = Issued(credential.public, request, credential.sign(request_digest(forge.referendum, 2, request)))
    forge.issued = [*forge.issued, line]


def acknowledgement_changed(change: Callable[[Forge, Issued], Issued]) -> Callable[[Forge], None]:
    def maker(forge: Forge) -> None:
        forge.issued = [change(forge, forge.issued[0]), *forge.issued[1:]]

    return maker


def said(forge: Forge, registrar: int = 1, request: bytes | None = None, signer: int = 0) -> bytes:
    digest = acknowledgement_digest(forge.referendum, registrar, request or forge.issued[0].request_hash)
    return forge.keys.credentials[signer].sign(digest)


for name, change in {
    "by_another_letter": lambda f, line: replace(line, acknowledgement=said(f, signer=1)),
    "to_another_registrar": lambda f, line: replace(line, acknowledgement=said(f, registrar=2)),
    "of_another_request": lambda f, line: replace(line, acknowledgement=said(f, request=bytes(32))),
    "copied_from_another_line": lambda f, line: replace(line, acknowledgement=f.issued[1].acknowledgement),
    "that_is_the_request": lambda _, line: replace(line, acknowledgement=line.signature),
    "in_the_requests_place": lambda _, line: replace(line, signature=line.acknowledgement),
    "of_zeros": lambda _, line: replace(line, acknowledgement=bytes(64)),
}.items():
    add(f"acknowledgement_{name}", 7, "V21", acknowledgement_changed(change))


def change_line(forge: Forge, credential: bytes, change: Callable[[str], str]) -> None:
    """In the published list, after its root was signed."""

    def hook(files: dict[str, bytes]) -> None:
        lines = files["issuance/1"].decode().splitlines()
        changed = [change(line) if line.startswith(credential.hex()) else line for line in lines]
        files["issuance/1"] = "".join(f"{line}\n" for line in changed).encode()

    forge.files_hook = hook


@forgery(7, "V21")
def acknowledgement_taken_out_after_the_close(forge: Forge) -> None:
    change_line(forge, forge.issued[0].credential, lambda line: line.rsplit(" ", 1)[0])


@forgery(7, "V21")
def acknowledgement_put_in_after_the_close(forge: Forge) -> None:
    signature = said(forge, request=forge.issued[12].request_hash, signer=12).hex()
    change_line(forge, forge.issued[12].credential, lambda line: f"{line} {signature}")


@forgery(7, "V21")
def two_acknowledgements_in_a_line(forge: Forge) -> None:
    forge.issued = [
        replace(line, acknowledgement=line.acknowledgement * 2) if n == 0 else line
        for n, line in enumerate(forge.issued)
    ]


def replacement(forge: Forge, struck: bytes, spare: bytes) -> bytes:
    return forge.entry("replace", {"struck": struck.hex(), "replacement": spare.hex()})


@forgery(7, "V21")
def token_issued_to_a_struck_letter(forge: Forge) -> None:
    forge.between.append(replacement(forge, forge.keys.credentials[0].public, forge.keys.spares[0].public))


@forgery(7, "V24")
def replaced_a_letter_that_is_not_on_the_roll(forge: Forge) -> None:
    forge.between.append(replacement(forge, SchnorrKey.generate().public, forge.keys.spares[0].public))


@forgery(7, "V24")
def replaced_by_a_key_that_is_no_spare(forge: Forge) -> None:
    forge.between.append(replacement(forge, forge.keys.credentials[30].public, SchnorrKey.generate().public))


@forgery(7, "V24")
def replaced_by_another_voters_letter(forge: Forge) -> None:
    forge.between.append(replacement(forge, forge.keys.credentials[30].public, forge.keys.credentials[31].public))


@forgery(7, "V9")
def one_spare_given_out_twice(forge: Forge) -> None:
    spare = forge.keys.spares[0].public
    forge.between += [replacement(forge, forge.keys.credentials[k].public, spare) for k in (30, 31)]


@forgery(7, "V10")
def replaced_by_one_officer(forge: Forge) -> None:
    body = {"struck": forge.keys.credentials[30].public.hex(), "replacement": forge.keys.spares[0].public.hex()}
    forge.between.append(forge.entry("replace", body, ["officer/1"]))


def on_close(change: Callable[[Forge, Body], None]) -> Callable[[Forge], None]:
    def maker(forge: Forge) -> None:
        forge.close_hook = lambda body: change(forge, body)

    return maker


def resign_issuance(forge: Forge, body: Body, count: int | None = None, root: str | None = None) -> None:
    stated = body["issuance"][0]
    issued = stated["count"] if count is None else count, bytes.fromhex(root or stated["root"])
    body["issuance"] = [forge.statement(*issued, stated["struck"], bytes.fromhex(stated["struck_root"]))]


add("issuance_list_of_another_root", 7, "V21", on_close(lambda f, b: resign_issuance(f, b, root="00" * 32)))
add("issuance_count_above_its_list", 7, "V21", on_close(lambda f, b: resign_issuance(f, b, count=15)))
add("issuance_above_the_roll", 7, "V22", on_close(lambda f, b: resign_issuance(f, b, count=41)), also=("V21",))
add(
    "issuance_count_going_down_at_the_close",
    7,
    "V22",
    on_close(lambda f, b: resign_issuance(f, b, count=13)),
    STANDS,
    also=("V21",),
    status=1,
)


@forgery(7, "V22", STANDS)
def issuance_stated_while_people_vote_and_not_listed(forge: Forge) -> None:
    """No token more is used than are listed; so no registrar ends a referendum by one false number."""
    forge.counts = lambda batch: 20


add(
    "issuance_signed_by_another_key",
    7,
    "V21",
    on_close(lambda f, b: b["issuance"][0].update(signature="00" * 64)),
)
add("close_without_an_issuance", 7, "V21", on_close(lambda f, b: b.update(issuance=[])))
add("close_with_two_issuances", 7, "V21", on_close(lambda f, b: b.update(issuance=b["issuance"] * 2)))


@forgery(7, "V22")
def more_tokens_used_than_issued(forge: Forge) -> None:
    forge.issued = forge.issued[:11]


@forgery(7, "V1")
def more_spares_than_voters(forge: Forge) -> None:
    relist(forge, spares=[SchnorrKey.generate().public for _ in range(41)])
    forge.with_tally = False


@forgery(7, "V22", STANDS)
def issuance_counted_after_the_batch(forge: Forge) -> None:
    forge.counts = lambda batch: 14 if batch == 2 else 5


@forgery(7, "V22", STANDS)
def issuance_count_going_down(forge: Forge) -> None:
    forge.counts = lambda batch: 13 if batch == 2 else 14


@forgery(7, "V22", STANDS)
def issuance_count_signed_by_another_key(forge: Forge) -> None:
    forge.header_hook = lambda number, body: body["issued"][0].update(signature="00" * 64)


@forgery(7, "V22", STANDS)
def issuance_count_signed_for_another_batch(forge: Forge) -> None:
    forge.header_hook = lambda number, body: body.update(issued=[forge.count_statement(3, 14)])


@forgery(7, "V22", STANDS)
def batch_without_an_issuance_count(forge: Forge) -> None:
    forge.header_hook = lambda number, body: body.update(issued=[])

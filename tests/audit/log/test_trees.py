"""Trees, tiles, notes, checkpoints and cosignatures are those of RFC 6962 and C2SP, and nothing looser."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stembus.audit import bounds
from stembus.audit.errors import NoteInvalid, PlaceError, RecordInvalid
from stembus.audit.log.merkle import (
    EMPTY_ROOT,
    Frontier,
    check_consistency,
    consistency_proof,
    hash_root,
    inclusion_proof,
    leaf_hash,
    root_from_proof,
    root_of,
)
from stembus.audit.log.note import (
    Checkpoint,
    NoteSignature,
    check_log_signature,
    checkpoint_text,
    cosign,
    cosignatures,
    cosigned_mldsa44,
    key_id,
    parse_checkpoint,
    quorum_time,
    sign_checkpoint,
    verifier_key,
)
from stembus.audit.log.source import MemoryPlace
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.log.tiles import (
    bundle_widths,
    check_entry_size,
    encode_bundle,
    level_tiles,
    log_paths,
    number_path,
    parse_bundle,
    parse_tile,
    tile_path,
)
from stembus.crypto.errors import SignatureInvalid
from stembus.crypto.signing import SigningKey, verify_ed25519

# The leaves and roots of Certificate Transparency's reference implementation (merkle_tree_test), sizes 0 to 8.
CT_LEAVES = [
    bytes.fromhex(leaf)
    for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LARGEST = 70


@cache
def naive(start: int, end: int) -> bytes:
    """MTH(D[start:end]) of RFC 6962, section 2.1, over the leaves `str(i)`, as written there."""
    if end == start:
        return hashlib.sha256(b"").digest()
    if end - start == 1:
        return hashlib.sha256(b"\0" + str(start).encode()).digest()
    split = _split(end - start)
    return hashlib.sha256(b"\1" + naive(start, start + split) + naive(start + split, end)).digest()


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    split = 1
    while split * 2 < size:
        split *= 2
    return split


def naive_path(index: int, start: int, end: int) -> list[bytes]:
    """PATH(m, D[n]) of RFC 6962, section 2.1.1."""
    if end - start == 1:
        return []
    split = start + _split(end - start)
    if index < split:
        return [*naive_path(index, start, split), naive(split, end)]
    return [*naive_path(index, split, end), naive(start, split)]


def naive_subproof(old: int, start: int, end: int, whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b) of RFC 6962, section 2.1.2."""
    if old == end - start:
        return [] if whole else [naive(start, end)]
    split = _split(end - start)
    if old <= split:
        return [*naive_subproof(old, start, start + split, whole), naive(start + split, end)]
    return [*naive_subproof(old - split, start + split, end, False), naive(start, start + split)]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert root_of(CT_LEAVES[:size]).hex() == CT_ROOTS[size]
    assert hash_root([leaf_hash(leaf) for leaf in CT_LEAVES[:size]]).hex() == CT_ROOTS[size]


def test_a_growing_tree_has_the_naive_root_at_every_size() -> None:
    frontier = Frontier()
    assert frontier.root() == EMPTY_ROOT
    for size in range(1, LARGEST + 1):
        frontier.append(leaf_hash(str(size - 1).encode()))
        assert frontier.size == size
        assert frontier.root() == naive(0, size)
        assert len(frontier.peaks) == size.bit_count()


@pytest.mark.parametrize("size", range(1, LARGEST + 1))
def test_inclusion_proofs_are_the_naive_ones_and_lead_to_the_root(size: int) -> None:
    for index in range(size):
        proof = inclusion_proof(index, size, naive)
        assert proof == naive_path(index, 0, size)
        assert root_from_proof(naive(index, index + 1), index, size, proof) == naive(0, size)


def _proven(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> bool:
    try:
        return root_from_proof(leaf, index, size, proof) == root
    except RecordInvalid:
        return False


def _flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 33])
def test_wrong_inclusion_proofs_are_refused(size: int) -> None:
    root = naive(0, size)
    for index in range(size):
        leaf, proof = naive(index, index + 1), inclusion_proof(index, size, naive)
        assert _proven(leaf, index, size, proof, root)
        assert not _proven(_flipped(leaf), index, size, proof, root)
        assert not _proven(leaf, index, size, proof, _flipped(root))
        for other in range(-1, size + 2):
            assert other == index or not _proven(leaf, other, size, proof, root)
        for place in range(len(proof)):
            assert not _proven(leaf, index, size, [*proof[:place], _flipped(proof[place]), *proof[place + 1 :]], root)
            assert not _proven(leaf, index, size, [*proof[:place], *proof[place + 1 :]], root)
        for extra in (leaf, root, bytes(32)):
            assert not _proven(leaf, index, size, [*proof, extra], root)
            assert not _proven(leaf, index, size, [extra, *proof], root)
        if len(proof) > 1:
            assert not _proven(leaf, index, size, proof[::-1], root)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 3), (3, 3)])
def test_a_proof_for_an_entry_outside_the_tree_is_refused(index: int, size: int) -> None:
    with pytest.raises(RecordInvalid):
        root_from_proof(bytes(32), index, size, [])


def test_a_node_does_not_pass_for_a_leaf() -> None:
    assert leaf_hash(naive(0, 1) + naive(1, 2)) != naive(0, 2)
    assert root_of([naive(0, 1) + naive(1, 2)]) != root_of([b"0", b"1"])


@pytest.mark.parametrize("new", range(LARGEST + 1))
def test_consistency_proofs_are_the_naive_ones_and_hold(new: int) -> None:
    for old in range(new + 1):
        proof = consistency_proof(old, new, naive)
        if 0 < old < new:
            assert proof == naive_subproof(old, 0, new, True)
        else:
            assert proof == []
        check_consistency(old, new, naive(0, old), naive(0, new), proof)


def _refused(old: int, new: int, old_root: bytes, new_root: bytes, proof: list[bytes]) -> None:
    with pytest.raises(RecordInvalid):
        check_consistency(old, new, old_root, new_root, proof)


@pytest.mark.parametrize("new", [2, 3, 4, 7, 8, 9, 33])
def test_wrong_consistency_proofs_are_refused(new: int) -> None:
    new_root = naive(0, new)
    for old in range(1, new):
        old_root, proof = naive(0, old), consistency_proof(old, new, naive)
        _refused(old, new, _flipped(old_root), new_root, proof)
        _refused(old, new, old_root, _flipped(new_root), proof)
        _refused(new, old, new_root, old_root, proof)
        _refused(old, new, old_root, new_root, [])
        for extra in (bytes(32), old_root, new_root):
            _refused(old, new, old_root, new_root, [*proof, extra])
        for place in range(len(proof)):
            _refused(old, new, old_root, new_root, [*proof[:place], _flipped(proof[place]), *proof[place + 1 :]])
            _refused(old, new, old_root, new_root, [*proof[:place], *proof[place + 1 :]])
        for other in range(1, new):
            if other != old:
                _refused(other, new, naive(0, other), new_root, proof)


def test_trees_of_one_size_have_one_root_and_no_proof() -> None:
    check_consistency(5, 5, naive(0, 5), naive(0, 5), [])
    _refused(5, 5, naive(0, 5), naive(1, 6), [])
    _refused(5, 5, naive(0, 5), naive(0, 5), [bytes(32)])
    _refused(0, 5, EMPTY_ROOT, naive(0, 5), [bytes(32)])


# C2SP tlog-tiles: paths, and which tiles a tree has.


@pytest.mark.parametrize(
    ("number", "path"),
    [
        (0, "000"),
        (7, "007"),
        (999, "999"),
        (1000, "x001/000"),
        (1234067, "x001/x234/067"),
        (10**9, "x001/x000/x000/000"),
    ],
)
def test_tile_numbers_are_cut_into_groups_of_three(number: int, path: str) -> None:
    assert number_path(number) == path


def test_tile_paths_are_those_of_c2sp() -> None:
    assert tile_path(0, 0) == "tile/0/000"
    assert tile_path(2, 1234067) == "tile/2/x001/x234/067"
    assert tile_path(1, 1, 17) == "tile/1/001.p/17"
    assert tile_path("entries", 273, 112) == "tile/entries/273.p/112"


@given(st.sets(st.integers(0, 2**40), min_size=2, max_size=2))
def test_two_tile_numbers_never_share_a_path(numbers: set[int]) -> None:
    first, second = (number_path(number) for number in numbers)
    assert first != second
    assert not first.startswith(second + "/")
    assert not second.startswith(first + "/")
    assert int(first.replace("x", "").replace("/", "")) in numbers


def test_a_tree_of_70000_has_the_tiles_that_c2sp_lists() -> None:
    tiles = Counter((level, width) for level, _, width in level_tiles(70_000))
    assert tiles == {(0, 256): 273, (0, 112): 1, (1, 256): 1, (1, 17): 1, (2, 1): 1}
    assert Counter(width for _, width in bundle_widths(70_000)) == {256: 273, 112: 1}
    paths = list(log_paths(70_000))
    assert len(paths) == len(set(paths)) == 277 + 274
    assert {"tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1", "tile/entries/272"} <= set(paths)


def test_a_tree_of_256_has_a_full_tile_and_a_partial_one_above() -> None:
    assert list(level_tiles(256)) == [(0, 0, 256), (1, 0, 1)]
    assert list(level_tiles(0)) == []
    assert list(log_paths(1)) == ["tile/0/000.p/1", "tile/entries/000.p/1"]


def _published(size: int) -> tuple[MemoryPlace, Callable[[int, int], bytes]]:
    """The hash tiles of a log of `str(i)`, made level by level, and the hash of any range of leaves."""
    levels = [[leaf_hash(str(index).encode()) for index in range(size)]]
    while len(levels[-1]) >= 256:
        last = levels[-1]
        levels.append([hash_root(last[i : i + 256]) for i in range(0, len(last) // 256 * 256, 256)])
    files = {}
    for level, number, width in level_tiles(size):
        hashes = levels[level][256 * number : 256 * number + width]
        files[tile_path(level, number, width)] = b"".join(hashes)
    return MemoryPlace(files), lambda start, end: hash_root(levels[0][start:end])


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 600, 65_536, 70_000])
def test_proofs_read_from_tiles_lead_to_the_root(size: int) -> None:
    place, subtree = _published(size)
    reader = TileReader(place, size)
    root = subtree(0, size)
    for index in {0, 1, size // 2, size - 2, size - 1, 255, 256, 65_535, 65_536}:
        if 0 <= index < size:
            proof = reader.inclusion(index)
            assert proof == inclusion_proof(index, size, subtree)
            assert root_from_proof(leaf_hash(str(index).encode()), index, size, proof) == root
    for old in {1, 2, size // 3, 255, 256, 257, size - 1, size}:
        if 0 < old <= size:
            check_consistency(old, size, subtree(0, old), root, consistency_proof(old, size, reader.subtree))


def test_a_reader_gives_entries_of_its_log_only() -> None:
    entries = [str(index).encode() for index in range(300)]
    place = MemoryPlace(
        {
            "tile/entries/000": encode_bundle(entries[:256]),
            "tile/entries/001.p/44": encode_bundle(entries[256:]),
        }
    )
    reader = TileReader(place, 300)
    assert [reader.entry(index) for index in range(300)] == entries
    for index in (-1, 300, 10**9):
        with pytest.raises(RecordInvalid):
            reader.entry(index)
    with pytest.raises(PlaceError):
        TileReader(place, 301).entry(300)
    with pytest.raises(PlaceError):
        reader.inclusion(0)


@given(st.lists(st.binary(max_size=20), max_size=8))
def test_entry_bundles_are_read_as_written(entries: list[bytes]) -> None:
    data = encode_bundle(entries)
    assert parse_bundle(data, len(entries)) == entries
    for width in (len(entries) - 1, len(entries) + 1):
        with pytest.raises(RecordInvalid):
            parse_bundle(data, width)
    if entries:
        with pytest.raises(RecordInvalid):
            parse_bundle(data[:-1], len(entries))
    with pytest.raises(RecordInvalid):
        parse_bundle(data + b"\0", len(entries))


def test_an_entry_is_1_to_65535_bytes() -> None:
    check_entry_size(b"x")
    check_entry_size(bytes(65_535))
    assert parse_bundle(encode_bundle([bytes(65_535)]), 1) == [bytes(65_535)]
    for entry in (b"", bytes(65_536)):
        with pytest.raises(RecordInvalid):
            check_entry_size(entry)
    with pytest.raises(OverflowError):
        encode_bundle([bytes(65_536)])


def test_a_tile_is_32_bytes_for_each_hash() -> None:
    assert parse_tile(bytes(64), 2) == [bytes(32), bytes(32)]
    for data in (bytes(63), bytes(65), bytes(32), b""):
        with pytest.raises(RecordInvalid):
            parse_tile(data, 2)


# Signed notes: the keys and notes of golang.org/x/mod/sumdb/note (note_test.go) and of C2SP signed-note.

GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
NOTES = [
    (
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        GO_TEXT,
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=",
    ),
    (
        "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop",
        GO_TEXT,
        "rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=",
    ),
    (
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "This is an example message.\n",
        "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=",
    ),
]


def _public(vkey: str) -> tuple[str, bytes]:
    """Name and Ed25519 key of a verifier key; the base64 may hold a plus."""
    name, _, material = vkey.split("+", 2)
    return name, base64.b64decode(material)[1:]


@pytest.mark.parametrize(("vkey", "text", "signature"), NOTES, ids=["PeterNeumann", "EnochRoot", "C2SP"])
def test_keys_and_signature_lines_are_those_of_signed_notes(vkey: str, text: str, signature: str) -> None:
    name, public = _public(vkey)
    assert verifier_key(name, public) == vkey
    raw = base64.b64decode(signature)
    assert raw[:4] == key_id(name, b"\1", public)
    verify_ed25519(public, text.encode(), raw[4:])
    with pytest.raises(SignatureInvalid):
        verify_ed25519(public, text.encode() + b"\n", raw[4:])
    assert NoteSignature(name, raw[:4], raw[4:]).line() == f"— {name} {signature}\n"


def test_the_known_private_key_signs_the_known_note() -> None:
    # PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz of the same file.
    key = SigningKey(base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:])
    assert verifier_key("PeterNeumann", key.public) == NOTES[0][0]
    assert key.sign(GO_TEXT.encode()) == base64.b64decode(NOTES[0][2])[4:]


def test_a_key_for_cosignatures_has_its_own_id() -> None:
    # Of the algorithm 0x04: github.com/transparency-dev/formats, note/note_cosigv1_test.go.
    material = base64.b64decode("BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2")
    assert key_id("remora.n621.de", b"\4", material[1:]).hex() == "da77ade7"
    assert key_id("remora.n621.de", b"\1", material[1:]).hex() != "da77ade7"


def test_a_checkpoint_of_the_go_checksum_database_is_read_and_verifies() -> None:
    # The example of golang.org/design/25530-sumdb and C2SP tlog-cosignature, under the key in cmd/go.
    name, public = _public("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")
    data = (
        "go.sum database tree\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— sum.golang.org "
        "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    ).encode()
    checkpoint = parse_checkpoint(data)
    assert checkpoint.to_bytes() == data
    assert (checkpoint.origin, checkpoint.size) == ("go.sum database tree", 20852163)
    [signature] = checkpoint.signatures
    assert signature.key_id == key_id(name, b"\1", public)
    verify_ed25519(public, checkpoint.text, signature.signature)
    # Its signer is not named like its origin, so it is no checkpoint of a log of Stembus.
    with pytest.raises(NoteInvalid):
        check_log_signature(checkpoint, "go.sum database tree", public)


# Checkpoints and cosignatures of our own.

ORIGIN = "log.example.org/2019"
LOG, OTHER = SigningKey(b"\1" * 32), SigningKey(b"\2" * 32)
ROOT = naive(0, 9)
SIGNED = sign_checkpoint(ORIGIN, 9, ROOT, LOG)
NAMES = ["w1.example.org", "w2.example.org", "w3.example.org"]
KEYS = [SigningKey(bytes([number]) * 32) for number in (11, 12, 13)]
WITNESSES = [(name, key.public) for name, key in zip(NAMES, KEYS, strict=True)]


def _with(*signatures: NoteSignature) -> Checkpoint:
    return Checkpoint(ORIGIN, 9, ROOT, (*SIGNED.signatures, *signatures))


def test_a_checkpoint_is_three_lines_and_its_signatures() -> None:
    data = SIGNED.to_bytes()
    root = base64.b64encode(ROOT).decode()
    assert data.startswith(f"{ORIGIN}\n9\n{root}\n\n— {ORIGIN} ".encode())
    assert checkpoint_text(ORIGIN, 9, ROOT) == SIGNED.text == f"{ORIGIN}\n9\n{root}\n".encode()
    assert parse_checkpoint(data) == SIGNED
    check_log_signature(SIGNED, ORIGIN, LOG.public)


def test_a_cosignature_is_time_and_signature_over_time_and_checkpoint() -> None:
    line = cosign(SIGNED, NAMES[0], KEYS[0], 1_571_000_000)
    message = b"cosignature/v1\ntime 1571000000\n" + SIGNED.text
    verify_ed25519(KEYS[0].public, message, line.signature[8:])
    assert line.signature[:8] == (1_571_000_000).to_bytes(8, "big")
    assert line.key_id == hashlib.sha256(NAMES[0].encode() + b"\n\4" + KEYS[0].public).digest()[:4]
    signed = _with(line)
    assert parse_checkpoint(signed.to_bytes()) == signed
    check_log_signature(signed, ORIGIN, LOG.public)
    [valid], problems = cosignatures(signed, WITNESSES)
    assert (valid.witness, valid.time, problems) == (NAMES[0], 1_571_000_000, [])


def test_the_quorums_earliest_time_is_the_checkpoints_time() -> None:
    times = (300, 100, 200)
    signed = _with(
        *(cosign(SIGNED, *who, time) for who, time in zip(zip(NAMES, KEYS, strict=True), times, strict=True))
    )
    valid, problems = cosignatures(signed, WITNESSES)
    assert problems == []
    assert [quorum_time(valid, quorum) for quorum in (1, 2, 3, 4)] == [100, 200, 300, None]


def test_cosignatures_that_do_not_count_are_named() -> None:
    good = cosign(SIGNED, NAMES[0], KEYS[0], 100)
    elsewhere = cosign(sign_checkpoint(ORIGIN, 10, ROOT, LOG), NAMES[0], KEYS[0], 100)
    later = NoteSignature(good.name, good.key_id, (101).to_bytes(8, "big") + good.signature[8:])
    wrong = [
        (elsewhere, "does not verify"),
        (later, "does not verify"),
        (NoteSignature(good.name, good.key_id, good.signature[:-1]), "wrong length"),
        (NoteSignature(good.name, good.key_id, good.signature + b"\0"), "wrong length"),
        (cosign(SIGNED, NAMES[0], KEYS[0], 0), "absurd time"),
        (cosign(SIGNED, NAMES[0], KEYS[0], 2**63), "absurd time"),
    ]
    for line, problem in wrong:
        valid, [said] = cosignatures(_with(line), WITNESSES)
        assert valid == []
        assert problem in said
    valid, [said] = cosignatures(_with(good, cosign(SIGNED, NAMES[0], KEYS[0], 200)), WITNESSES)
    assert [cosignature.time for cosignature in valid] == [100]
    assert "appears twice" in said
    assert quorum_time(valid, 2) is None


def test_lines_of_keys_that_nobody_knows_are_passed_over_in_silence() -> None:
    good = cosign(SIGNED, NAMES[0], KEYS[0], 100)
    unknown = [
        cosign(SIGNED, NAMES[0], KEYS[1], 100),
        cosign(SIGNED, "w4.example.org", KEYS[0], 100),
        NoteSignature(good.name, key_id(good.name, b"\1", KEYS[0].public), good.signature),
        NoteSignature("w5.example.org", good.key_id, b"x"),
    ]
    for lines in ([good, *unknown], [*unknown, good]):
        valid, problems = cosignatures(_with(*lines), WITNESSES)
        assert [(cosignature.witness, cosignature.time) for cosignature in valid] == [(NAMES[0], 100)]
        assert problems == []


def test_an_mldsa_witness_signs_the_whole_tree_as_a_subtree_with_its_name() -> None:
    # c2sp.org/tlog-cosignature, the structure cosigned_message, written out.
    assert cosigned_mldsa44(SIGNED, "w1", 258) == (
        b"subtree/v1\n\0"
        + b"\x02w1"
        + bytes(6)
        + b"\1\2"
        + b"\x14log.example.org/2019"
        + bytes(8)
        + bytes(7)
        + b"\x09"
        + ROOT
    )


def test_a_checkpoint_of_64_mldsa_witnesses_with_the_longest_names_is_within_its_bound() -> None:
    lines = [NoteSignature("w" * 100, b"abcd", bytes(8 + 2420)) for _ in range(bounds.WITNESSES)]
    data = _with(*lines).to_bytes()
    assert len(data) <= bounds.CHECKPOINT_BYTES
    assert len(parse_checkpoint(data).signatures) == 1 + bounds.WITNESSES


def test_whatever_else_stands_under_the_logs_name_is_refused() -> None:
    check_log_signature(_with(cosign(SIGNED, "w4.example.org", KEYS[0], 100)), ORIGIN, LOG.public)
    for line in (
        NoteSignature(ORIGIN, b"abcd", b"x" * 64),
        sign_checkpoint(ORIGIN, 9, ROOT, OTHER).signatures[0],
        cosign(SIGNED, ORIGIN, KEYS[0], 100),
        SIGNED.signatures[0],
    ):
        with pytest.raises(NoteInvalid):
            check_log_signature(_with(line), ORIGIN, LOG.public)


@pytest.mark.parametrize(
    "name", ["", "a b", "a\u00a0b", "a\tb", "a+b", "a\u0085b", "\u00e9", "a\x00", "a\x7f", "w" * 256]
)
def test_a_line_whose_name_is_no_key_name_is_not_parsed(name: str) -> None:
    with pytest.raises(NoteInvalid):
        parse_checkpoint(_with(NoteSignature(name, b"abcd", b"x" * 64)).to_bytes())


@pytest.mark.parametrize("name", ["w", "w" * 255, "!*,-~", "witness.example.org/w1"])
def test_a_line_whose_name_is_a_key_name_is_parsed(name: str) -> None:
    line = NoteSignature(name, b"abcd", b"x" * 64)
    assert parse_checkpoint(_with(line).to_bytes()).signatures[-1] == line


def test_a_checkpoint_of_another_origin_key_or_text_is_refused() -> None:
    for origin, key in (("log.example.org/2020", LOG), (ORIGIN, OTHER)):
        with pytest.raises(NoteInvalid):
            check_log_signature(SIGNED, origin, key.public)
    for other in (
        Checkpoint(ORIGIN, 10, ROOT, SIGNED.signatures),
        Checkpoint(ORIGIN, 9, naive(0, 8), SIGNED.signatures),
        Checkpoint("log.example.org/2020", 9, ROOT, SIGNED.signatures),
        Checkpoint(ORIGIN, 9, ROOT, ()),
        Checkpoint(ORIGIN, 9, ROOT, sign_checkpoint(ORIGIN, 9, ROOT, OTHER).signatures),
        Checkpoint(ORIGIN, 9, ROOT, (cosign(SIGNED, ORIGIN, LOG, 100),)),
    ):
        with pytest.raises(NoteInvalid):
            check_log_signature(other, ORIGIN, LOG.public)


def test_a_log_signs_a_checkpoint_once() -> None:
    twice = _with(*SIGNED.signatures)
    with pytest.raises(NoteInvalid):
        check_log_signature(parse_checkpoint(twice.to_bytes()), ORIGIN, LOG.public)
    forged = NoteSignature(ORIGIN, SIGNED.signatures[0].key_id, bytes(64))
    with pytest.raises(NoteInvalid):
        check_log_signature(_with(forged), ORIGIN, LOG.public)


_TEXT = SIGNED.to_bytes().decode()
_ROOT64 = base64.b64encode(ROOT).decode()


def _loose(text: str) -> str:
    """The same bytes in base64 whose last unused bits are not zero."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    assert text.endswith("=")
    assert not text.endswith("==")
    loose = text[:-2] + alphabet[alphabet.index(text[-2]) + 1] + "="
    assert base64.b64decode(loose) == base64.b64decode(text)
    return loose


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\n\n",
        _TEXT[:-1],
        _TEXT + "\n",
        _TEXT + "\n\n",
        "\n" + _TEXT,
        _TEXT.replace("\n\n", "\n"),
        _TEXT.replace("\n\n", "\n\n\n"),
        _TEXT.replace("\n", "\r\n"),
        _TEXT.split("—")[0],
        _TEXT.split("\n\n")[0] + "\n",
        _TEXT.replace("— ", "- "),
        _TEXT.replace("— ", "—"),
        _TEXT.replace("— ", "—  "),
        _TEXT.replace(f"— {ORIGIN} ", f"— {ORIGIN}\t"),
        _TEXT.replace(f"— {ORIGIN}", "— a+b"),
        _TEXT.replace(_ROOT64, _loose(_ROOT64)),
        _TEXT.replace(_ROOT64, _ROOT64.rstrip("=")),
        _TEXT.replace(_ROOT64, _ROOT64 + "="),
        _TEXT.replace(_ROOT64, _ROOT64[:20] + " " + _ROOT64[20:]),
        _TEXT.replace(_ROOT64, base64.b64encode(ROOT[:-1]).decode()),
        _TEXT.replace(_ROOT64, base64.b64encode(ROOT + b"\0").decode()),
        _TEXT.replace(_ROOT64, _ROOT64.replace("+", "-").replace("/", "_") if "/" in _ROOT64 else "_" * 44),
        _TEXT.replace(_ROOT64, _ROOT64 + "\nextension"),
        _TEXT.replace("\n9\n", "\n09\n"),
        _TEXT.replace("\n9\n", "\n+9\n"),
        _TEXT.replace("\n9\n", "\n-9\n"),
        _TEXT.replace("\n9\n", "\n 9\n"),
        _TEXT.replace("\n9\n", "\n9.0\n"),
        _TEXT.replace("\n9\n", "\n٩\n"),
        _TEXT.replace("\n9\n", "\n\n"),
        _TEXT.replace("\n9\n", "\n" + "9" * 19 + "\n"),
        _TEXT.removeprefix(ORIGIN),
        _TEXT + f"— {ORIGIN} AAAA\n",
        _TEXT + f"— {ORIGIN} AAAAAA==\n",
        _TEXT + f"— {ORIGIN}\n",
        _TEXT + "hello\n",
    ],
)
def test_a_loosely_written_checkpoint_is_refused(text: str) -> None:
    assert text != _TEXT
    with pytest.raises(NoteInvalid):
        parse_checkpoint(text.encode())


def test_loose_base64_in_a_signature_line_is_refused() -> None:
    line = base64.b64encode(SIGNED.signatures[0].key_id + SIGNED.signatures[0].signature).decode()
    with pytest.raises(NoteInvalid, match="loose"):
        parse_checkpoint(_TEXT.replace(line, _loose(line)).encode())


def test_a_checkpoint_that_is_not_utf8_is_refused() -> None:
    for data in (b"\xff" + _TEXT.encode(), _TEXT.encode("utf-16"), b"\xef\xbb\xbf\xff" + _TEXT.encode()):
        with pytest.raises(NoteInvalid):
            parse_checkpoint(data)


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1), st.integers(0, 10**18 - 1))
def test_every_checkpoint_is_read_as_written(origin: str, size: int) -> None:
    checkpoint = Checkpoint(origin, size, ROOT, (NoteSignature("a", b"abcd", b"x" * 64), *SIGNED.signatures))
    assert parse_checkpoint(checkpoint.to_bytes()) == checkpoint

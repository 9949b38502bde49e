"""Letter codes: 100 random bits as 20 symbols, 4 check symbols, and the credential key behind them.

Crockford's base32 alphabet; o reads as 0, i and l as 1; case does not matter, nor what is no letter or digit, such as
the dashes that a word processor makes. The check symbols tell a typing error from a wrong code. Decides code and key;
leaves who gets which to `credential_authority`.
"""

from __future__ import annotations

import hashlib
import secrets

from stembus.ballot.errors import CodeMistyped
from stembus.crypto.derive import hkdf
from stembus.crypto.signing import SchnorrKey

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SYMBOLS = 20
CHECK_SYMBOLS = 4
GROUP = 4
_LENIENT = str.maketrans("OIL", "011")


def new_code() -> str:
    """The 20 symbols, without check symbols."""
    return "".join(secrets.choice(ALPHABET) for _ in range(SYMBOLS))


def _check(symbols: str) -> str:
    bits = int.from_bytes(hashlib.sha256(b"stembus/v1 code check" + symbols.encode("ascii")).digest()[:4], "big")
    return "".join(ALPHABET[bits >> 5 * k & 31] for k in range(CHECK_SYMBOLS))


def format_code(symbols: str) -> str:
    """As printed: 24 symbols in groups of four."""
    full = symbols + _check(symbols)
    return "-".join(full[i : i + GROUP] for i in range(0, len(full), GROUP))


def parse_code(text: str) -> str:
    """The 20 normalised symbols of a typed code. Raises CodeMistyped."""
    cleaned = "".join(symbol for symbol in text.upper() if symbol.isalnum()).translate(_LENIENT)
    if len(cleaned) != SYMBOLS + CHECK_SYMBOLS:
        raise CodeMistyped(f"a code has {SYMBOLS + CHECK_SYMBOLS} symbols; this one has {len(cleaned)}")
    for symbol in cleaned:
        if symbol not in ALPHABET:
            raise CodeMistyped(f"{symbol!r} does not occur in codes; look at the letter again")
    symbols = cleaned[:SYMBOLS]
    if _check(symbols) != cleaned[SYMBOLS:]:
        raise CodeMistyped("this is a typing error: the code's last four symbols do not fit the others")
    return symbols


def credential_key(symbols: str, referendum: bytes) -> SchnorrKey:
    """The BIP340 key of a code in one referendum (HKDF-SHA256)."""
    return SchnorrKey(hkdf(symbols.encode("ascii"), referendum, b"stembus/v1 credential key", 32))


def record_name(symbols: str, referendum: bytes) -> str:
    """Of this letter's record on a device: names neither the credential nor whose it is. 64 hex digits."""
    return hkdf(symbols.encode("ascii"), referendum, b"stembus/v1 record name", 32).hex()

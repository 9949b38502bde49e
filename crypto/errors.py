"""The named failures of the mathematics. Callers translate them into faults or sentences."""


class CryptoError(Exception):
    """Root of every failure that `crypto` raises on purpose."""


class EncodingInvalid(CryptoError):
    """Bytes that are not the one canonical form of what they should be."""


class ProofInvalid(CryptoError):
    """A zero-knowledge proof or an equation does not hold."""


class SignatureInvalid(CryptoError):
    """A signature does not verify under the key it claims."""


class ShareInvalid(CryptoError):
    """A secret share does not lie on the committed polynomial."""


class NotFound(CryptoError):
    """No discrete logarithm within the stated bound."""


class PassphraseWrong(CryptoError):
    """A sealed secret does not open under this passphrase, or was altered."""

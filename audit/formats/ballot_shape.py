"""How the answer to a question becomes numbers in ciphertexts, and what is proven of these.

A question with two options of which one may be chosen, such as yes or no, takes one ciphertext: it holds 0 for a blank
vote, 1 for the first option, SECOND for the second, so one sum carries both counts. Any other question takes a
ciphertext of 0 or 1 for each option; where not all may be chosen, a further proof is about their sum.

Decides that from the definition alone: a ballot states nothing of it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from stembus.crypto.elgamal import CIPHERTEXT_BYTES
from stembus.crypto.group import POINT_BYTES, SCALAR_BYTES

# What the second option of a pair counts. A log holds far fewer ballots, so the two counts never meet.
SECOND = 1 << 32


@dataclass(frozen=True, slots=True)
class ProofShape:
    """That the sum of the ciphertexts first..last-1 holds one of `values`, which ascend from 0."""

    first: int
    last: int
    values: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes of such a proof in a ballot."""
        branches = len(self.values)
        return 2 * branches * POINT_BYTES + (2 * branches - 1) * SCALAR_BYTES

    def encode(self) -> bytes:
        """As every proof binds it."""
        numbers = [self.first, self.last, len(self.values)]
        return b"".join(n.to_bytes(2, "big") for n in numbers) + b"".join(v.to_bytes(8, "big") for v in self.values)


@dataclass(frozen=True, slots=True)
class QuestionShape:
    """A question of `options` options, of which at most `most` may be chosen."""

    options: int
    most: int

    @property
    def is_pair(self) -> bool:
        return (self.options, self.most) == (2, 1)

    @property
    def ciphertexts(self) -> int:
        return 1 if self.is_pair else self.options

    @property
    def values(self) -> tuple[int, ...]:
        """What each of its ciphertexts may hold."""
        return (0, 1, SECOND) if self.is_pair else (0, 1)

    def held(self, chosen: Collection[int]) -> list[int]:
        """For each ciphertext, which of `values` it holds when these options are chosen; at most `most`, each once."""
        if self.is_pair:
            return [sum(option + 1 for option in chosen)]
        return [int(option in chosen) for option in range(self.options)]

    def sums(self, counts: Sequence[int]) -> list[Sequence[int]]:
        """The counts of all options, by the sums that carry them."""
        return [counts] if self.is_pair else [[count] for count in counts]

    def number(self, counts: Sequence[int]) -> int:
        """What one sum holds for its counts."""
        return sum(count * value for count, value in zip(counts, self.values[1:], strict=True))

    def proofs(self, first: int) -> list[ProofShape]:
        """`first` is the position of the question's first ciphertext in the ballot."""
        last = first + self.ciphertexts
        singles = [ProofShape(index, index + 1, self.values) for index in range(first, last)]
        if self.is_pair or self.most >= self.options:
            return singles
        return [*singles, ProofShape(first, last, tuple(range(self.most + 1)))]

    @property
    def size(self) -> int:
        """Bytes of its ciphertexts and proofs."""
        return self.ciphertexts * CIPHERTEXT_BYTES + sum(proof.size for proof in self.proofs(0))

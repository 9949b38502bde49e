"""How the answer to a question becomes numbers in ciphertexts, and what is proven of these.

A question with two options of which one may be chosen, such as yes or no, takes one ciphertext: it holds 0 for a blank
vote, 1 for the first option, SECOND for the second, so one sum carries both counts. Any other question takes a
ciphertext of 0 or 1 for each option; where not all may be chosen, a further proof is about their sum.

In a budget, the bits of what is left over stand behind the options' ciphertexts, all but the lowest. One proof is about
the sum of all costs that were chosen and of these bits: it holds the budget, or one unit less, which is the lowest bit.
So no choice costs more than the budget. These bits are in no sum that is counted.

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
    """That a weighted sum of ciphertexts holds one of `values`, which ascend. `terms` are pairs of a position in the
    ballot and a weight, by position."""

    terms: tuple[tuple[int, int], ...]
    values: tuple[int, ...]

    @property
    def is_plain_sum(self) -> bool:
        """Of several ciphertexts, each once."""
        return len(self.terms) > 1 and all(weight == 1 for _, weight in self.terms)

    @property
    def size(self) -> int:
        """Bytes of such a proof in a ballot."""
        branches = len(self.values)
        return 2 * branches * POINT_BYTES + (2 * branches - 1) * SCALAR_BYTES

    def encode(self) -> bytes:
        """As every proof binds it."""
        parts = [len(self.terms).to_bytes(2, "big")]
        parts += [position.to_bytes(2, "big") + weight.to_bytes(8, "big") for position, weight in self.terms]
        parts += [len(self.values).to_bytes(2, "big"), *(value.to_bytes(8, "big") for value in self.values)]
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class QuestionShape:
    """A question of `options` options, of which at most `most` may be chosen; in a budget, at most for `budget` in all,
    by the options' `costs`."""

    options: int
    most: int
    costs: tuple[int, ...] = ()
    budget: int = 0

    @property
    def is_pair(self) -> bool:
        return (self.options, self.most) == (2, 1) and not self.costs

    @property
    def sums(self) -> int:
        """How many of its ciphertexts are added up over all ballots: the first ones."""
        return 1 if self.is_pair else self.options

    @property
    def ciphertexts(self) -> int:
        return self.sums + len(self._bits)

    @property
    def _bits(self) -> range:
        """The bits of what is left of the budget that have a ciphertext of their own."""
        return range(1, self.budget.bit_length())

    def cost(self, chosen: Collection[int]) -> int:
        return sum(self.costs[option] for option in chosen) if self.costs else 0

    @property
    def values(self) -> tuple[int, ...]:
        """What each of its ciphertexts may hold."""
        return (0, 1, SECOND) if self.is_pair else (0, 1)

    def held(self, chosen: Collection[int]) -> list[int]:
        """For each ciphertext, which of `values` it holds when these options are chosen; at most `most`, each once, and
        within the budget."""
        if self.is_pair:
            return [sum(option + 1 for option in chosen)]
        left = self.budget - self.cost(chosen)
        return [*(int(option in chosen) for option in range(self.options)), *(left >> bit & 1 for bit in self._bits)]

    def by_sum(self, counts: Sequence[int]) -> list[Sequence[int]]:
        """The counts of all options, by the sums that carry them."""
        return [counts] if self.is_pair else [[count] for count in counts]

    def number(self, counts: Sequence[int]) -> int:
        """What one sum holds for its counts."""
        return sum(count * value for count, value in zip(counts, self.values[1:], strict=True))

    def proofs(self, first: int) -> list[ProofShape]:
        """`first` is the position of the question's first ciphertext in the ballot."""
        options = range(first, first + self.sums)
        proofs = [ProofShape(((index, 1),), self.values) for index in range(first, first + self.ciphertexts)]
        if self.costs:
            costs = list(zip(options, self.costs, strict=True))
            costs += [(options.stop + place, 1 << bit) for place, bit in enumerate(self._bits)]
            proofs.append(ProofShape(tuple(costs), (self.budget - 1, self.budget)))
        if not self.is_pair and self.most < self.options:
            proofs.append(ProofShape(tuple((index, 1) for index in options), tuple(range(self.most + 1))))
        return proofs

    @property
    def size(self) -> int:
        """Bytes of its ciphertexts and proofs."""
        return self.ciphertexts * CIPHERTEXT_BYTES + sum(proof.size for proof in self.proofs(0))

"""Zero-knowledge proofs: a ciphertext holds one of a list of values; two logarithms are equal; a key is known.

Decides prover and verifier of each proof over a challenge that the caller derives from a full
transcript (strong Fiat-Shamir: Bernhard, Pereira, Warinschi, ASIACRYPT 2012). Leaves the transcripts to
the formats, and the checking of thousands at once to `batch`.

Membership proofs are disjunctions of Chaum-Pedersen proofs (Cramer, Damgard, Schoenmakers, CRYPTO 1994). They
carry commitments and responses, and every branch challenge but the last, which the verifier derives: a
proof for another statement thus fails in its last branch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stembus.crypto.elgamal import Ciphertext
from stembus.crypto.errors import ProofInvalid
from stembus.crypto.group import ORDER, Point, generator_times, random_scalar, times_secret
from stembus.crypto.transcript import Transcript


@dataclass(frozen=True, slots=True)
class MembershipProof:
    """That a ciphertext encrypts one of n values: a branch for each, so n commitment pairs, n-1 challenges, n
    responses."""

    commitments: tuple[tuple[Point, Point], ...]
    challenges: tuple[int, ...]
    responses: tuple[int, ...]

    def all_challenges(self, challenge: int) -> list[int]:
        """The branch challenges, with the last one derived from the whole challenge."""
        return [*self.challenges, (challenge - sum(self.challenges)) % ORDER]


@dataclass(frozen=True, slots=True)
class MembershipWitness:
    """The prover's side between commitment and response. Holds secrets; never stored."""

    branch: int
    randomness: int
    commitment_secret: int
    commitments: tuple[tuple[Point, Point], ...]
    fake_challenges: tuple[int, ...]
    fake_responses: tuple[int, ...]


def commit_membership(
    joint_key: Point,
    ciphertext: Ciphertext,
    branch: int,
    randomness: int,
    values: Sequence[int],
    next_scalar: Callable[[], int],
) -> MembershipWitness:
    """First move of a proof that `ciphertext` (of `values[branch]`, made with `randomness`) holds one of `values`."""
    secret = next_scalar()
    commitments, challenges, responses = [], [], []
    for number, value in enumerate(values):
        fake_challenge, fake_response = next_scalar(), next_scalar()
        if number == branch:
            commitments.append((generator_times(secret), times_secret(joint_key, secret)))
            fake_challenge = fake_response = 0
        else:
            target = ciphertext.blinded - generator_times(value)
            commitments.append(
                (
                    generator_times(fake_response) - ciphertext.nonce_point * fake_challenge,
                    joint_key * fake_response - target * fake_challenge,
                )
            )
        challenges.append(fake_challenge)
        responses.append(fake_response)
    return MembershipWitness(branch, randomness, secret, tuple(commitments), tuple(challenges), tuple(responses))


def respond_membership(witness: MembershipWitness, challenge: int) -> MembershipProof:
    """Last move: the real branch takes what the simulated ones leave of the challenge."""
    challenges, responses = list(witness.fake_challenges), list(witness.fake_responses)
    real = (challenge - sum(challenges)) % ORDER
    challenges[witness.branch] = real
    responses[witness.branch] = (witness.commitment_secret + real * witness.randomness) % ORDER
    return MembershipProof(witness.commitments, tuple(challenges[:-1]), tuple(responses))


def verify_membership(
    joint_key: Point, ciphertext: Ciphertext, values: Sequence[int], proof: MembershipProof, challenge: int
) -> None:
    """Checks one proof by itself. Raises ProofInvalid; ValueError for a proof that has not a branch for each value."""
    branches = zip(values, proof.commitments, proof.all_challenges(challenge), proof.responses, strict=True)
    for value, (first, second), part, response in branches:
        if generator_times(response) != first + ciphertext.nonce_point * part:
            raise ProofInvalid("a membership proof does not hold")
        if joint_key * response != second + (ciphertext.blinded - generator_times(value)) * part:
            raise ProofInvalid("a membership proof does not hold")


@dataclass(frozen=True, slots=True)
class LogProof:
    """A Schnorr or Chaum-Pedersen proof in challenge-response form."""

    challenge: int
    response: int


def prove_key(secret: int, context: Transcript) -> LogProof:
    """Proves knowledge of `secret` behind secret*G (Schnorr), bound to `context`."""
    nonce = random_scalar()
    challenge = _key_challenge(context, generator_times(secret), generator_times(nonce))
    return LogProof(challenge, (nonce + challenge * secret) % ORDER)


def verify_key(public: Point, proof: LogProof, context: Transcript) -> None:
    """Raises ProofInvalid unless the prover knew the logarithm of `public` in this context."""
    commitment = generator_times(proof.response) - public * proof.challenge
    if commitment.is_identity or _key_challenge(context, public, commitment) != proof.challenge:
        raise ProofInvalid("the proof of possession does not hold")


def _key_challenge(context: Transcript, public: Point, commitment: Point) -> int:
    return context.copy().add("public", public.to_bytes()).add("commitment", commitment.to_bytes()).scalar()


def prove_equal_logs(secret: int, base: Point, context: Transcript) -> LogProof:
    """Proves that secret*G and secret*base have the same logarithm (Chaum-Pedersen), bound to `context`."""
    nonce = random_scalar()
    challenge = _equal_challenge(
        context,
        generator_times(secret),
        base,
        times_secret(base, secret),
        generator_times(nonce),
        times_secret(base, nonce),
    )
    return LogProof(challenge, (nonce + challenge * secret) % ORDER)


def verify_equal_logs(public: Point, base: Point, image: Point, proof: LogProof, context: Transcript) -> None:
    """Raises ProofInvalid unless image = x*base for the x of public = x*G, in this context."""
    first = generator_times(proof.response) - public * proof.challenge
    second = base * proof.response - image * proof.challenge
    if first.is_identity or second.is_identity:
        raise ProofInvalid("the proof of equal logarithms does not hold")
    if _equal_challenge(context, public, base, image, first, second) != proof.challenge:
        raise ProofInvalid("the proof of equal logarithms does not hold")


def _equal_challenge(context: Transcript, *points: Point) -> int:
    transcript = context.copy()
    for label, point in zip(("public", "base", "image", "first", "second"), points, strict=True):
        transcript.add(label, point.to_bytes())
    return transcript.scalar()

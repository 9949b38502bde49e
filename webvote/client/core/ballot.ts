// Makes ballots: encrypts a choice, proves that it is allowed, signs it with the token. Rebuilds a ballot in a test.
//
// Decides that all randomness of ciphertexts and proofs comes from one 32-byte seed, bound to election key, token
// commitment and choice (docs/protocol.md, 11.4). The nonce of the commitment does not come from the seed, so a test
// reveals no token. Leaves to the session when a ballot is made, tested or cast.

import { schnorr } from "@noble/curves/secp256k1.js";
import { expand, extract } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { costOf, heldFor, pointOf, type ProofShape } from "./ballot-shape.ts";
import { concat, equal, toBig, u32, utf8, type Bytes } from "./bytes.ts";
import type { BallotContext } from "./context.ts";
import { ClientError } from "./errors.ts";
import { G, ORDER, mod, pointBytes, scalarBytes, sum, times, timesSecret, type Point } from "./group.ts";
import { tokenPublic, type VotingPass } from "./token.ts";

export type Choice = readonly (readonly number[])[];

export interface PreparedBallot {
  readonly body: Bytes;
  readonly ballotId: Bytes;
  readonly commitment: Bytes;
  readonly nonce: Bytes;
  /** Secret until the voter tests; a tested ballot is never cast. */
  readonly seed: Bytes;
}

/** Which of its values each ciphertext holds. Throws choice-invalid. */
export function checkChoice(context: BallotContext, choice: Choice): number[] {
  const refuse = (problem: string): never => {
    throw new ClientError("choice-invalid", problem);
  };
  if (choice.length !== context.questions.length) refuse("one answer for each question");
  return context.questions.flatMap((question, number) => {
    const { options, most, costs, budget } = question;
    const chosen = choice[number] ?? [];
    if (new Set(chosen).size !== chosen.length || chosen.some((k) => !Number.isInteger(k) || k < 0 || k >= options))
      refuse("no such option");
    if (chosen.length > most) refuse("too many options");
    if (costs.length > 0 && costOf(question, chosen) > budget) refuse("more than the budget");
    return heldFor(question, chosen);
  });
}

/** scalar i = HKDF-Expand(prk, info || u32 i, 48 bytes) mod q. */
export function scalarStream(seed: Uint8Array, salt: Uint8Array, info: Uint8Array): () => bigint {
  const key = extract(sha256, seed, salt);
  let index = 0;
  return () => toBig(expand(sha256, key, concat(info, u32(index++)), 48)) % ORDER;
}

interface Encrypted {
  readonly nonce: Point;
  readonly blinded: Point;
  readonly randomness: bigint;
  readonly value: bigint;
}

interface Witness {
  readonly branch: number;
  readonly commitments: readonly (readonly [Point, Point])[];
  readonly challenges: bigint[];
  readonly responses: bigint[];
  readonly secret: bigint;
}

/** First move of the proof that `item` holds one of `values`. */
function commit(joint: Point, item: Encrypted, values: readonly bigint[], next: () => bigint): Witness {
  const secret = next();
  const commitments: (readonly [Point, Point])[] = [];
  const challenges: bigint[] = [];
  const responses: bigint[] = [];
  for (const value of values) {
    const [challenge, response] = [next(), next()];
    if (value === item.value) {
      commitments.push([timesSecret(G, secret), timesSecret(joint, secret)]);
      challenges.push(0n);
      responses.push(0n);
      continue;
    }
    const target = item.blinded.subtract(pointOf(value));
    commitments.push([
      timesSecret(G, response).subtract(timesSecret(item.nonce, challenge)),
      timesSecret(joint, response).subtract(timesSecret(target, challenge)),
    ]);
    challenges.push(challenge);
    responses.push(response);
  }
  return { branch: values.indexOf(item.value), commitments, challenges, responses, secret };
}

/** Last move: the true branch takes what the simulated ones leave of the challenge. */
function respond(witness: Witness, item: Encrypted, challenge: bigint): Bytes {
  const { branch, challenges, responses } = witness;
  const real = mod(challenge - challenges.reduce((total, part) => total + part, 0n));
  challenges[branch] = real;
  responses[branch] = mod(witness.secret + real * item.randomness);
  return concat(...[...challenges.slice(0, -1), ...responses].map(scalarBytes));
}

/** What a proof is about: one of the ciphertexts, or a sum of several. */
function weigh(items: readonly Encrypted[], { terms }: ProofShape): Encrypted {
  const part = terms.flatMap(([position, weight]) => {
    const item = items[position];
    return item === undefined ? [] : [{ item, weight }];
  });
  return {
    nonce: sum(part.map(({ item, weight }) => times(item.nonce, weight))),
    blinded: sum(part.map(({ item, weight }) => times(item.blinded, weight))),
    randomness: mod(part.reduce((total, { item, weight }) => total + item.randomness * weight, 0n)),
    value: part.reduce((total, { item, weight }) => total + item.value * weight, 0n),
  };
}

/** The one body that follows from seed, choice and commitment. */
export function buildBody(context: BallotContext, commitment: Uint8Array, choice: Choice, seed: Uint8Array): Bytes {
  const held = checkChoice(context, choice);
  const info = concat(utf8("stembus/v1 ballot randomness"), context.electionKey, commitment, Uint8Array.from(held));
  const next = scalarStream(seed, context.referendum, info);
  const randomness = held.map(() => next());
  const items = held.map((branch, k): Encrypted => {
    const [r, value] = [randomness[k] ?? 0n, context.values[k]?.[branch] ?? 0n];
    const masked = timesSecret(context.jointKey, r);
    return { nonce: timesSecret(G, r), blinded: masked.add(pointOf(value)), randomness: r, value };
  });
  const proven = context.proofs.map((shape) => {
    const item = weigh(items, shape);
    return { item, witness: commit(context.jointKey, item, shape.values, next) };
  });
  const ciphertexts = concat(...items.flatMap((item) => [pointBytes(item.nonce), pointBytes(item.blinded)]));
  const commitments = concat(
    ...proven.flatMap(({ witness }) => witness.commitments.flatMap((pair) => pair.map(pointBytes))),
  );
  const challenges = context.challenges(commitment, ciphertexts, commitments);
  const scalars = proven.map(({ item, witness }, k) => respond(witness, item, challenges[k] ?? 0n));
  return concat(commitment, ciphertexts, commitments, ...scalars);
}

/** A new ballot with a fresh seed and nonce. */
export function prepareBallot(context: BallotContext, pass: VotingPass, choice: Choice): PreparedBallot {
  const [seed, nonce] = [crypto.getRandomValues(new Uint8Array(32)), crypto.getRandomValues(new Uint8Array(32))];
  const commitment = context.tokenCommitment(tokenPublic(pass), nonce);
  const body = buildBody(context, commitment, choice, seed);
  return { body, ballotId: context.ballotId(body), commitment, nonce, seed };
}

/** What a second device computes in a test: the ballot id that this choice and seed must have. */
export function rebuildBallotId(
  context: BallotContext,
  commitment: Uint8Array,
  choice: Choice,
  seed: Uint8Array,
): Bytes {
  return context.ballotId(buildBody(context, commitment, choice, seed));
}

/** The cast ballot. The caller lets the seed go, and has never tested this body. */
export function signBallot(context: BallotContext, pass: VotingPass, prepared: PreparedBallot, seq: number): Bytes {
  const signatures = pass.signatures.filter((signature) => signature !== null);
  if (signatures.length !== context.registrars.length)
    throw new ClientError("pass-damaged", "a registrar's signature is missing");
  const unsigned = concat(Uint8Array.of(1), prepared.body, prepared.nonce, tokenPublic(pass), ...signatures, u32(seq));
  return concat(unsigned, schnorr.sign(context.castDigest(unsigned), pass.tokenSecret));
}

/** The turn that a ballot of this pass takes. With it a box shows that somebody with the same pass has cast before;
 * its bare word proves nothing. Throws turn-unproven. */
export function turnOf(context: BallotContext, pass: VotingPass, raw: Uint8Array): number {
  const own =
    raw.length === context.castBytes && equal(context.tokenOf(raw), tokenPublic(pass)) && context.signedByToken(raw);
  if (!own) throw new ClientError("turn-unproven");
  return context.seqOf(raw);
}

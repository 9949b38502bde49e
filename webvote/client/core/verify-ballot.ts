// The check of one cast ballot by itself (docs/protocol.md, 11.5), as the ballot box and every verifier do it.
//
// Decides whether it is valid, and names the first fault in the protocol's order: V16, V17, V18, V20, V19. Leaves to
// the verifiers which ballot of a token counts. Voting does not need this module; tests and curious voters do.

import { equal } from "./bytes.ts";
import { verifyBlindSignature } from "./blind-rsa.ts";
import { isPlainSum, type ProofShape } from "./ballot-shape.ts";
import { CIPHERTEXT_BYTES, SIGNATURE_BYTES, type BallotContext } from "./context.ts";
import { BallotRefused, ClientError, type BallotCheck } from "./errors.ts";
import { G, POINT_BYTES, SCALAR_BYTES, mod, parseScalar, pointFrom, sum, times, type Point } from "./group.ts";

const VERSION = 1;

export type Pair = readonly [Point, Point];

/** That a weighted sum of a ballot's ciphertexts holds one of the values of `shape`. */
export interface Statement {
  readonly shape: ProofShape;
  readonly commitments: readonly Pair[];
  readonly challenges: readonly bigint[];
  readonly responses: readonly bigint[];
}

export interface Elements {
  readonly ciphertexts: readonly Pair[];
  readonly statements: readonly Statement[];
}

export interface VerifiedBallot {
  readonly ballotId: Uint8Array;
  readonly tokenKey: Uint8Array;
  readonly seq: number;
}

/** A ballot of which everything but the proofs was checked. */
export interface UnprovenBallot extends VerifiedBallot {
  readonly elements: Elements;
}

/** Throws BallotRefused. */
export async function verifyBallot(context: BallotContext, raw: Uint8Array): Promise<VerifiedBallot> {
  const { elements, ...ballot } = await checkAllButProofs(context, raw);
  need(proofsHold(context.jointKey, elements), "V19", "a membership proof does not hold");
  return ballot;
}

/** Throws BallotRefused. */
export async function checkAllButProofs(context: BallotContext, raw: Uint8Array): Promise<UnprovenBallot> {
  const elements = parseBallot(context, raw);
  const tail = 1 + context.bodyBytes;
  const [body, nonce, tokenKey, seq] = [
    context.bodyOf(raw),
    raw.slice(tail, tail + 32),
    context.tokenOf(raw),
    context.seqOf(raw),
  ];
  need(
    equal(context.tokenCommitment(tokenKey, nonce), body.slice(0, 32)),
    "V17",
    "the token commitment does not open to this token",
  );
  const message = context.tokenMessage(tokenKey);
  for (const [number, spki] of context.registrars.entries()) {
    const at = tail + 64 + SIGNATURE_BYTES * number;
    need(
      await verifyBlindSignature(spki, message, raw.slice(at, at + SIGNATURE_BYTES)),
      "V17",
      "a registrar's signature does not verify",
    );
  }
  need(context.signedByToken(raw), "V18", "the token's signature does not verify");
  need(seq < context.maxCasts, "V20", `cast number ${seq + 1} where ${context.maxCasts} are allowed`);
  return { ballotId: context.ballotId(body), tokenKey, seq, elements };
}

function need(condition: boolean, check: BallotCheck, problem: string): asserts condition {
  if (!condition) throw new BallotRefused(check, problem);
}

/** The ciphertexts and proofs of a ballot. Throws BallotRefused (V16). */
export function parseBallot(context: BallotContext, raw: Uint8Array): Elements {
  need(raw.length === context.castBytes, "V16", `a ballot of this referendum is ${context.castBytes} bytes`);
  need(raw[0] === VERSION, "V16", "a ballot of unknown version");
  try {
    return parseBody(context, context.bodyOf(raw));
  } catch (error) {
    if (error instanceof ClientError && error.code === "encoding") throw new BallotRefused("V16", error.message);
    throw error;
  }
}

/** Throws `encoding`. */
export function parseBody(context: BallotContext, body: Uint8Array): Elements {
  const { commitmentsAt, scalarsAt } = context;
  const pairs = split(body.slice(32, scalarsAt), CIPHERTEXT_BYTES).map(
    (data): Pair => [pointFrom(data.slice(0, POINT_BYTES)), pointFrom(data.slice(POINT_BYTES))],
  );
  const scalars = split(body.slice(scalarsAt), SCALAR_BYTES).map(parseScalar);
  const ciphertexts = pairs.slice(0, context.values.length);
  const whole = context.challenges(
    body.slice(0, 32),
    body.slice(32, commitmentsAt),
    body.slice(commitmentsAt, scalarsAt),
  );
  let [branch, scalar] = [context.values.length, 0];
  const statements = context.proofs.map((shape, position): Statement => {
    const branches = shape.values.length;
    const commitments = pairs.slice(branch, branch + branches);
    const parts = scalars.slice(scalar, scalar + 2 * branches - 1);
    branch += commitments.length;
    scalar += parts.length;
    const given = parts.slice(0, branches - 1);
    // The last branch's challenge is derived, so that no equation about the sum could be forgotten.
    const last = mod((whole[position] ?? 0n) - given.reduce((total, part) => total + part, 0n));
    if (isPlainSum(shape) && weigh(ciphertexts, shape).some((point) => point.is0()))
      throw new ClientError("encoding", "the sum of a ballot's ciphertexts is the identity");
    return { shape, commitments, challenges: [...given, last], responses: parts.slice(branches - 1) };
  });
  return { ciphertexts, statements };
}

function split(data: Uint8Array, width: number): Uint8Array[] {
  return Array.from({ length: data.length / width }, (_, k) => data.slice(k * width, (k + 1) * width));
}

function weigh(ciphertexts: readonly Pair[], { terms }: ProofShape): Pair {
  const part = terms.flatMap(([position, weight]) => {
    const pair = ciphertexts[position];
    if (pair === undefined) return [];
    return [weight === 1n ? pair : ([times(pair[0], weight), times(pair[1], weight)] as const)];
  });
  return [sum(part.map(([nonce]) => nonce)), sum(part.map(([, blinded]) => blinded))];
}

/** Of one ballot by itself: for every branch v: z*G = a + c*A and z*H = b + c*(B - v*G). */
export function proofsHold(joint: Point, { ciphertexts, statements }: Elements): boolean {
  return statements.every(({ shape, commitments, challenges, responses }) => {
    const [nonce, blinded] = weigh(ciphertexts, shape);
    return commitments.every(([first, second], branch) => {
      const [value, challenge, response] = [shape.values[branch], challenges[branch], responses[branch]];
      if (value === undefined || challenge === undefined || response === undefined) return false;
      const target = blinded.subtract(times(G, value));
      return (
        times(G, response).equals(first.add(times(nonce, challenge))) &&
        times(joint, response).equals(second.add(times(target, challenge)))
      );
    });
  });
}

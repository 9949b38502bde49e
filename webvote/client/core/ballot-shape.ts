// How the answer to a question becomes numbers in ciphertexts, and what is proven of these (docs/protocol.md, 11.2).
//
// Decides that from the definition alone. A question with two options of which one may be chosen takes one ciphertext,
// whose sum carries both counts; any other takes one for each option.

import { concat, fromBig, u16, type Bytes } from "./bytes.ts";
import { G, IDENTITY, times, type Point } from "./group.ts";

/** What the second option of a pair counts. */
export const SECOND = 1n << 32n;

const SECOND_POINT = times(G, SECOND);
// The values that a secret choice can have take the same time.
const KNOWN = new Map<bigint, Point>([
  [0n, IDENTITY],
  [1n, G],
  [SECOND, SECOND_POINT],
]);

/** value * G. */
export function pointOf(value: bigint): Point {
  return KNOWN.get(value) ?? times(G, value);
}

/** That the sum of the ciphertexts first..last-1 holds one of `values`. */
export interface ProofShape {
  readonly first: number;
  readonly last: number;
  readonly values: readonly bigint[];
}

/** (options, most): how many there are, and how many of them may be chosen. */
export type Question = readonly [number, number];

function isPair([options, most]: Question): boolean {
  return options === 2 && most === 1;
}

/** What each ciphertext of a question may hold, one list for each. */
export function valuesOf(question: Question): (readonly bigint[])[] {
  if (isPair(question)) return [[0n, 1n, SECOND]];
  return Array.from({ length: question[0] }, () => [0n, 1n]);
}

/** For each ciphertext of a question, which of its values it holds when these options are chosen. */
export function heldFor(question: Question, chosen: readonly number[]): number[] {
  if (isPair(question)) return [chosen.reduce((total, option) => total + option + 1, 0)];
  return Array.from({ length: question[0] }, (_, option) => Number(chosen.includes(option)));
}

/** The proofs about a question whose first ciphertext stands at `first` in the ballot. */
export function proofsOf(question: Question, first: number): ProofShape[] {
  const singles = valuesOf(question).map((values, k) => ({ first: first + k, last: first + k + 1, values }));
  const [options, most] = question;
  if (isPair(question) || most >= options) return singles;
  const upToMost = Array.from({ length: most + 1 }, (_, value) => BigInt(value));
  return [...singles, { first, last: first + options, values: upToMost }];
}

/** As every proof binds it. */
export function encodeShape({ first, last, values }: ProofShape): Bytes {
  return concat(u16(first), u16(last), u16(values.length), ...values.map((value) => fromBig(value, 8)));
}

/** Of a question's ciphertexts and proofs in a ballot. */
export function questionBytes(question: Question): number {
  const proofs = proofsOf(question, 0).map(({ values: { length } }) => 66 * length + 32 * (2 * length - 1));
  return 66 * valuesOf(question).length + proofs.reduce((total, size) => total + size, 0);
}

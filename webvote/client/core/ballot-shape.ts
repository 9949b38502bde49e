// How the answer to a question becomes numbers in ciphertexts, and what is proven of these (docs/protocol.md, 11.2).
//
// Decides that from the definition alone. A question with two options of which one may be chosen takes one ciphertext,
// whose sum carries both counts; any other takes one for each option. In a budget, the bits of what is left over stand
// behind them, all but the lowest, and one proof says that the chosen costs and these bits make the budget, or one less.

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

/** That a weighted sum of ciphertexts holds one of `values`, which ascend. `terms` are pairs of a ciphertext's position in
 * the ballot and its weight. */
export interface ProofShape {
  readonly terms: readonly (readonly [number, bigint])[];
  readonly values: readonly bigint[];
}

/** How many options there are, and how many of them may be chosen; in a budget, at most for `budget` in all, by the
 * options' `costs`. */
export interface QuestionShape {
  readonly options: number;
  readonly most: number;
  readonly costs: readonly number[];
  readonly budget: number;
}

function isPair({ options, most, costs }: QuestionShape): boolean {
  return options === 2 && most === 1 && costs.length === 0;
}

/** The bits of what is left of the budget that have a ciphertext of their own: all but the lowest. */
function bitsOf({ budget }: QuestionShape): bigint[] {
  const length = budget === 0 ? 0 : budget.toString(2).length;
  return Array.from({ length: Math.max(0, length - 1) }, (_, k) => BigInt(k + 1));
}

/** What each ciphertext of a question may hold, one list for each. */
export function valuesOf(question: QuestionShape): (readonly bigint[])[] {
  if (isPair(question)) return [[0n, 1n, SECOND]];
  return Array.from({ length: question.options + bitsOf(question).length }, () => [0n, 1n]);
}

/** What these options cost. */
export function costOf({ costs }: QuestionShape, chosen: readonly number[]): number {
  return chosen.reduce((total, option) => total + (costs[option] ?? 0), 0);
}

/** For each ciphertext of a question, which of its values it holds when these options are chosen. */
export function heldFor(question: QuestionShape, chosen: readonly number[]): number[] {
  if (isPair(question)) return [chosen.reduce((total, option) => total + option + 1, 0)];
  const left = BigInt(question.budget - costOf(question, chosen));
  return [
    ...Array.from({ length: question.options }, (_, option) => Number(chosen.includes(option))),
    ...bitsOf(question).map((bit) => Number((left >> bit) & 1n)),
  ];
}

/** The proofs about a question whose first ciphertext stands at `first` in the ballot. */
export function proofsOf(question: QuestionShape, first: number): ProofShape[] {
  const { options, most, costs, budget } = question;
  const proofs: ProofShape[] = valuesOf(question).map((values, k) => ({ terms: [[first + k, 1n]], values }));
  if (costs.length > 0) {
    const spent = costs.map((cost, k) => [first + k, BigInt(cost)] as const);
    const left = bitsOf(question).map((bit, k) => [first + options + k, 1n << bit] as const);
    proofs.push({ terms: [...spent, ...left], values: [BigInt(budget - 1), BigInt(budget)] });
  }
  if (!isPair(question) && most < options) {
    const every = Array.from({ length: options }, (_, k) => [first + k, 1n] as const);
    proofs.push({ terms: every, values: Array.from({ length: most + 1 }, (_, value) => BigInt(value)) });
  }
  return proofs;
}

/** Of several ciphertexts, each once. */
export function isPlainSum({ terms }: ProofShape): boolean {
  return terms.length > 1 && terms.every(([, weight]) => weight === 1n);
}

/** As every proof binds it. */
export function encodeShape({ terms, values }: ProofShape): Bytes {
  return concat(
    u16(terms.length),
    ...terms.flatMap(([position, weight]) => [u16(position), fromBig(weight, 8)]),
    u16(values.length),
    ...values.map((value) => fromBig(value, 8)),
  );
}

/** Of a question's ciphertexts and proofs in a ballot. */
export function questionBytes(question: QuestionShape): number {
  const proofs = proofsOf(question, 0).map(({ values: { length } }) => 66 * length + 32 * (2 * length - 1));
  return 66 * valuesOf(question).length + proofs.reduce((total, size) => total + size, 0);
}

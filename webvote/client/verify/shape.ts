// Which ciphertexts of a ballot are added up over all ballots, and what their sums carry (docs/protocol.md, 11.2 and 14.1).

import { SECOND, valuesOf, type QuestionShape } from "../core/ballot-shape.ts";

export function isPair({ options, most, costs }: QuestionShape): boolean {
  return options === 2 && most === 1 && costs.length === 0;
}

/** How many of a question's ciphertexts are added up: the first ones. */
export function sumsOf(question: QuestionShape): number {
  return isPair(question) ? 1 : question.options;
}

/** The places of these ciphertexts in a ballot. */
export function summed(questions: readonly QuestionShape[]): number[] {
  const places: number[] = [];
  let first = 0;
  for (const question of questions) {
    for (let k = 0; k < sumsOf(question); k++) places.push(first + k);
    first += valuesOf(question).length;
  }
  return places;
}

/** [question, sum] of each sum, in the order of the ballot. */
export function placesOf(questions: readonly QuestionShape[]): (readonly [number, number])[] {
  return questions.flatMap((question, q) => Array.from({ length: sumsOf(question) }, (_, k) => [q, k] as const));
}

/** The counts of all options, by the sums that carry them. */
export function bySum(question: QuestionShape, counts: readonly number[]): (readonly number[])[] {
  return isPair(question) ? [counts] : counts.map((count) => [count]);
}

/** What one sum holds for its counts. */
export function numberOf(counts: readonly number[]): bigint {
  return counts.reduce((total, count, k) => total + BigInt(count) * (k === 0 ? 1n : SECOND), 0n);
}

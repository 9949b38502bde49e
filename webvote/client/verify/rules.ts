// What the figures mean: participation, margin, outcome (docs/protocol.md, 14.2 and 14.5). Exact integers, no rounding.

import type { Manifest, Question } from "../core/manifest.ts";
import { parseTime } from "../core/manifest-rules.ts";
import type { Body } from "./entries.ts";

/** Votes on paper, as counts or, where they are few, as encrypted ballots. */
export type Paper =
  | { readonly kind: "counts"; readonly ballots: number; readonly counts: readonly (readonly number[])[] }
  | { readonly kind: "encrypted"; readonly ballots: number };
export type Result = Body<"result">;
type Status = Result["status"];
type Outcome = Result["questions"][number]["outcome"];

export const closesAt = (manifest: Manifest): number => parseTime(manifest.closes);
export const opensAt = (manifest: Manifest): number => parseTime(manifest.opens);
const plus = (total: number, item: number): number => total + item;
export const totalOf = (items: readonly number[]): number => items.reduce(plus, 0);

/** Whether the sums may be decrypted at all. `online` counts tokens, blank ones included. */
export function countStatus({ privacy_floor: floor, rules }: Manifest, online: number, paper: number): Status {
  if (online < floor.online) return "not-counted-floor";
  if (online + paper < rules.minimum_participants && !rules.count_below_minimum) return "not-counted-minimum";
  return "counted";
}

/** Of the times of batches that are not before the closing time, that of the last batch of the voting: the first one. Null
 * where that is so late that it can only be of ballots which were handed in again. */
export function lastOfVoting(manifest: Manifest, late: readonly number[]): number | null {
  const { healing_seconds: healing } = manifest.batching;
  const [first] = late;
  if (first === undefined || (healing > 0 && first >= closesAt(manifest) + manifest.grace_seconds + healing))
    return null;
  return first;
}

/** Until when ballots that the log lacks can be handed in again, at least, in Unix seconds. */
export function healingEnd(manifest: Manifest, batchTimes: readonly (number | undefined)[]): number {
  const late = batchTimes.filter((time): time is number => time !== undefined && time >= closesAt(manifest));
  const over = closesAt(manifest) + manifest.grace_seconds;
  return Math.max(over, lastOfVoting(manifest, late) ?? over) + manifest.batching.healing_seconds;
}

function outcomeOf({ rules }: Manifest, question: Question, counts: readonly number[], participants: number): Outcome {
  if (participants < rules.minimum_participants) return "invalid-too-few";
  if (question.kind === "budget") return "funded";
  if (question.accepts === null) return "ranked";
  const [yes, no] = [counts[question.accepts] ?? 0, counts[1 - question.accepts] ?? 0];
  // Counts are below 2^53, and a thousand of them need not be.
  const margin = 1000n * BigInt(Math.abs(yes - no));
  if (margin < BigInt(rules.minimum_margin_permille) * (BigInt(yes) + BigInt(no) || 1n)) return "invalid-too-narrow";
  if (yes === no) return "tie";
  return yes > no ? "accepted" : "rejected";
}

/** Option numbers (from 0) in groups of equal count, most first. */
function rankingOf(counts: readonly number[]): number[][] {
  const levels = [...new Set(counts)].sort((a, b) => b - a);
  return levels.map((level) => [...counts.keys()].filter((option) => counts[option] === level));
}

/** The projects of a budget that are paid for, ascending: one after the other in their order, whichever still fits. */
function fundedOf(question: Question, counts: readonly number[]): number[] {
  const costs = question.options.map(({ cost }) => cost ?? 0);
  const cheapest = question.funding === "most-votes-then-cheapest";
  const order = [...counts.keys()].sort(
    (a, b) => (counts[b] ?? 0) - (counts[a] ?? 0) || (cheapest ? (costs[a] ?? 0) - (costs[b] ?? 0) : 0) || a - b,
  );
  let left = question.budget ?? 0;
  const paid: number[] = [];
  for (const option of order) {
    const cost = costs[option] ?? 0;
    if ((counts[option] ?? 0) === 0 || cost > left) continue;
    left -= cost;
    paid.push(option);
  }
  return paid.sort((a, b) => a - b);
}

/** The one result that follows from what the sums give. */
export function makeResult(
  manifest: Manifest,
  online: number,
  paper: Paper | null,
  decrypted: readonly (readonly number[])[],
  trustees: readonly number[],
): Result {
  const onPaper = paper?.ballots ?? 0;
  const status = countStatus(manifest, online, onPaper);
  const participants = online + onPaper;
  const together = paper?.kind === "encrypted";
  const questions = manifest.questions.map((question, number) => {
    const counts = decrypted[number] ?? [];
    const added = paper?.kind === "counts" ? (paper.counts[number] ?? []) : counts.map(() => 0);
    const total = counts.map((count, option) => count + (added[option] ?? 0));
    const outcome = outcomeOf(manifest, question, total, participants);
    const paid = outcome === "funded" ? fundedOf(question, total) : [];
    return {
      online: together ? null : counts,
      paper: together ? null : added,
      total,
      outcome,
      ranking: rankingOf(total),
      funded: question.kind === "budget" ? paid : null,
    };
  });
  const counted = status === "counted";
  return {
    status,
    online_ballots: online,
    paper_ballots: onPaper,
    participants,
    trustees: counted ? trustees : [],
    questions: counted ? questions : [],
  };
}

/** Whether there is one count for each option of each question. */
export function hasShape({ questions }: Manifest, counts: readonly (readonly number[])[]): boolean {
  return (
    counts.length === questions.length && questions.every(({ options }, k) => counts[k]?.length === options.length)
  );
}

/** What is wrong with counts of paper votes, where so many `struck` voters may vote on paper. */
export function paperProblem(manifest: Manifest, body: Body<"paper-result">, struck: number): string | null {
  const { paper } = manifest.privacy_floor;
  if (body.ballots > struck) return `${body.ballots} paper ballots where ${struck} voters were struck for paper`;
  if (body.ballots > 0 && body.ballots < paper)
    return `${body.ballots} paper ballots are below the privacy floor of ${paper}`;
  if (!hasShape(manifest, body.counts)) return "the paper counts do not have the shape of the questions";
  for (const [k, question] of manifest.questions.entries()) {
    const counts = body.counts[k] ?? [];
    if (counts.some((count) => count > body.ballots) || totalOf(counts) > body.ballots * question.max_choices)
      return `question ${k + 1} counts more choices than the paper ballots can hold`;
    if (question.budget === null) continue;
    const problem = budgetProblem(question, question.budget, body.ballots, counts);
    if (problem !== null) return `question ${k + 1} counts ${problem}`;
  }
  return null;
}

/** What no ballots within the budget can hold. */
function budgetProblem(question: Question, budget: number, ballots: number, counts: readonly number[]): string | null {
  const costs = question.options.map(({ cost }) => cost ?? 0);
  const spent = costs.reduce((total, cost, k) => total + BigInt(cost) * BigInt(counts[k] ?? 0), 0n);
  if (spent > BigInt(ballots) * BigInt(budget)) return "choices that cost more than the paper ballots can spend";
  let [fit, together] = [0, 0];
  for (const cost of [...costs].sort((a, b) => a - b)) {
    together += cost;
    if (together <= budget) fit += 1;
  }
  if (totalOf(counts) > ballots * fit)
    return "more choices than the paper ballots can pay for, even of the cheapest projects";
  for (const [option, own] of costs.entries()) {
    const others = [...costs.keys()].filter((k) => {
      const cost = costs[k] ?? 0;
      return k !== option && 2 * cost > budget && cost + own > budget;
    });
    if ((counts[option] ?? 0) + totalOf(others.map((k) => counts[k] ?? 0)) > ballots)
      return "projects of which no two are within the budget more often than there are paper ballots";
  }
  return null;
}

/** What is wrong with a header of encrypted paper ballots. */
export function paperBallotsProblem(manifest: Manifest, ballots: number, struck: number): string | null {
  if (ballots > struck) return `${ballots} paper ballots where ${struck} voters were struck for paper`;
  const most = manifest.privacy_floor.paper - 1;
  if (ballots <= 0 || ballots > most)
    return `from 1 to ${most} paper ballots are encrypted, by the privacy floor, and not ${ballots}: state counts`;
  return null;
}

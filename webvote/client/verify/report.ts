// Findings and the verdict: what a check found, and the outcome that follows (docs/protocol.md, 15).
//
// Decides the meaning of each verdict, the words for outcomes, and their order. The checks themselves are in the other
// modules of this folder.

import type { Manifest } from "../core/manifest.ts";
import type { Body } from "./entries.ts";
import type { VerifiedLog } from "./verified-log.ts";

export type Verdict = "breach" | "could not be checked" | "result stands" | "passed over";

export interface Fault {
  readonly check: string;
  readonly verdict: Verdict;
  readonly where: string;
  readonly message: string;
}

interface Outcome {
  readonly status: number;
  readonly word: string;
  readonly sentence: string;
}

const outcome = (status: number, word: string, sentence: string): Outcome => ({ status, word, sentence });

// Where several apply, the first of this order counts.
const OUTCOMES = {
  breach: outcome(1, "BREACH", "What is published contradicts itself or the rules: no result may rest on it."),
  unchecked: outcome(
    8,
    "COULD NOT BE CHECKED",
    "The files could not be read, or not all of them; this says nothing about the referendum. Try again, or elsewhere.",
  ),
  unanchored: outcome(
    3,
    "UNANCHORED",
    "What is published is consistent, but nobody said which referendum it must be: compare the id with a letter.",
  ),
  cancelled: outcome(6, "CANCELLED", "The referendum was cancelled; it has no result."),
  abandoned: outcome(9, "ABANDONED", "Too few trustees decrypted in time; the referendum ended without a result."),
  faults: outcome(5, "FAULTS", "Rules were broken in what is listed; what was counted does not depend on it."),
  unfinished: outcome(4, "SOUND SO FAR", "Everything published until now is in order; the referendum is not finished."),
  notCounted: outcome(
    7,
    "NOT COUNTED",
    "Too few took part; by its own rules the referendum is not counted, and nothing was decrypted.",
  ),
  established: outcome(0, "HOLDS", "Everything was checked, and the result is established."),
} as const;

// Of one kind (check and verdict) so many findings are kept; the others are counted.
const FAULTS_OF_A_KIND = 10;

/** What the verifier counted by itself. `time` is when a quorum had seen the head, in Unix seconds. */
export interface Figures {
  entries: number;
  root: string;
  time: number | null;
  phase: string;
  attempts: number;
  drilledAgain: number;
  batches: number;
  ballots: number;
  excluded: number;
  counted: number;
  issued: readonly number[];
  onEveryList: number;
  acknowledged: number;
  struck: number;
  struckWithPart: number;
  dice: string;
}

export class Report {
  referendum = "";
  anchored = false;
  manifest: Manifest | null = null;
  readonly faults: Fault[] = [];
  readonly kinds = new Map<string, number>();
  readonly figures: Figures = {
    entries: 0,
    root: "",
    time: null,
    phase: "empty",
    attempts: 0,
    drilledAgain: 0,
    batches: 0,
    ballots: 0,
    excluded: 0,
    counted: 0,
    issued: [],
    onEveryList: 0,
    acknowledged: 0,
    struck: 0,
    struckWithPart: 0,
    dice: "",
  };
  result: Body<"result"> | null = null;
  finished = false;
  cancelled = false;
  abandoned = false;
  /** All was read to its end, and nothing took the ground from under it. */
  whole = false;
  /** Then, and if somebody said which referendum it must be: what was read. */
  log: VerifiedLog | null = null;

  private add(check: string, verdict: Verdict, where: string, message: string): void {
    const kind = `${check} ${verdict}`;
    const before = this.kinds.get(kind) ?? 0;
    this.kinds.set(kind, before + 1);
    if (before < FAULTS_OF_A_KIND) this.faults.push({ check, verdict, where, message });
  }

  breach(check: string, where: string, message: string): void {
    this.add(check, "breach", where, message);
  }

  unchecked(where: string, message: string): void {
    this.add("V1", "could not be checked", where, message);
  }

  stands(check: string, where: string, message: string): void {
    this.add(check, "result stands", where, message);
  }

  passedOver(check: string, where: string, message: string): void {
    this.add(check, "passed over", where, message);
  }

  has(verdict: Verdict): boolean {
    return this.faults.some((fault) => fault.verdict === verdict);
  }

  /** Nothing found that takes the ground from under the result, and nothing left unread. */
  get established(): boolean {
    return !this.has("breach") && !this.has("could not be checked");
  }

  get outcome(): Outcome {
    if (this.has("breach")) return OUTCOMES.breach;
    if (this.has("could not be checked")) return OUTCOMES.unchecked;
    if (!this.anchored) return OUTCOMES.unanchored;
    if (this.cancelled) return OUTCOMES.cancelled;
    if (this.abandoned) return OUTCOMES.abandoned;
    if (this.has("result stands")) return OUTCOMES.faults;
    if (!this.finished) return OUTCOMES.unfinished;
    if (this.result !== null && this.result.status !== "counted") return OUTCOMES.notCounted;
    // Without a log that was read to its end there is no other way to hold: fail closed.
    return this.whole ? OUTCOMES.established : OUTCOMES.unchecked;
  }
}

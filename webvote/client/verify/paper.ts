// The paper ballots after one header: each by itself, all as a set, and their sums (V23; docs/protocol.md, 14.7).

import { compare, equal } from "../core/bytes.ts";
import type { BallotContext } from "../core/context.ts";
import { IDENTITY } from "../core/group.ts";
import { parseBody, type Elements, type Pair } from "../core/verify-ballot.ts";
import { findInvalid } from "./batch.ts";
import { addUp } from "./chunk.ts";
import type { Body } from "./entries.ts";
import { ListRoot } from "./lists.ts";
import { paperCommitment } from "./sums.ts";
import type { Report } from "./report.ts";

const VERSION = 2;

export class PaperReading {
  private readonly list = new ListRoot();
  private readonly read: (readonly [number, Elements])[] = [];
  private last: Uint8Array = new Uint8Array();
  private sorted = true;
  private taken = 0;

  constructor(
    private readonly context: BallotContext,
    private readonly header: Body<"paper-ballots">,
    private readonly where: string,
    private readonly report: Report,
  ) {}

  take(index: number, raw: Uint8Array): void {
    this.taken += 1;
    this.list.add(raw);
    const problem = this.problemOf(raw);
    if (problem !== null) return this.report.breach("V23", `entry ${index}`, `no paper ballot: ${problem}`);
    const body = raw.slice(1);
    const id = this.context.ballotId(body);
    this.sorted &&= compare(this.last, id) < 0;
    this.last = id;
    this.read.push([index, parseBody(this.context, body)]);
  }

  private problemOf(raw: Uint8Array): string | null {
    const size = 1 + this.context.bodyBytes;
    if (raw.length !== size || raw[0] !== VERSION)
      return `a paper ballot of this referendum is ${size} bytes, of which the first is ${VERSION}`;
    if (!equal(raw.subarray(1, 33), paperCommitment(this.context)))
      return "it carries another commitment than paper ballots do";
    try {
      parseBody(this.context, raw.slice(1));
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** Says what is wrong; the sums over those that were found valid. */
  finish(): readonly Pair[] {
    const bad = findInvalid(
      this.context.jointKey,
      this.read.map(([, elements]) => elements),
    );
    for (const [k, [index]] of this.read.entries())
      if (bad.has(k)) this.report.breach("V23", `entry ${index}`, "a paper ballot's proofs do not hold");
    if (this.taken === this.header.ballots && !this.list.is(this.taken, this.header.root))
      this.report.breach("V23", this.where, "the paper ballots are not those whose root two officers signed");
    if (!this.sorted) this.report.breach("V23", this.where, "the paper ballots are not sorted by id, each once");
    const good = this.read.filter((_, k) => !bad.has(k)).map(([, { ciphertexts }]) => ciphertexts);
    const sums = addUp(this.context, good);
    // Else the online votes alone would have the same decryptions as all votes together.
    if (sums.some((pair) => pair.some((point) => point.equals(IDENTITY))))
      this.report.breach("V23", this.where, "a sum of the paper ballots is the identity: they hide nothing");
    return sums;
  }
}

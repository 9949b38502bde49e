// Chapter 4, the ballots: each by itself (V16 to V19), then as a set (V20), and their sum.
//
// Decides which ballots count: for each token the highest `seq`; of two with one token and seq the lower id; a repeated
// ballot id only where it stood first. Leaves the heavy work to whoever does it.

import { compare, hex } from "../core/bytes.ts";
import type { BallotContext } from "../core/context.ts";
import { IDENTITY } from "../core/group.ts";
import { parseBallot, type Pair } from "../core/verify-ballot.ts";
import type { ChunkResult, ValidBallot } from "./chunk.ts";
import type { Report } from "./report.ts";
import { summed } from "./shape.ts";
import { addPairs, unpack } from "./sums.ts";
import type { CheckedLog } from "./tree.ts";
import type { Placed, Work } from "./work.ts";

const CHUNK_BALLOTS = 256;
const WAITING = 8; // chunks that are on their way at once: what bounds memory

interface Counted extends ValidBallot {
  readonly batch: number;
}

export class BallotChecker {
  private chunk: Placed[] = [];
  private readonly batchOf = new Map<number, number>();
  private readonly waiting: { readonly chunk: readonly Placed[]; readonly result: Promise<ChunkResult> }[] = [];
  private valid: Counted[] = [];
  private sums: Pair[];
  private previous: readonly [number, Uint8Array] = [0, new Uint8Array()];

  constructor(
    readonly context: BallotContext,
    private readonly sources: readonly Uint8Array[],
    private readonly report: Report,
    private readonly work: Work,
  ) {
    this.sums = summed(context.questions).map((): Pair => [IDENTITY, IDENTITY]);
  }

  async add(index: number, batch: number, raw: Uint8Array): Promise<void> {
    this.chunk.push([index, raw]);
    this.batchOf.set(index, batch);
    if (this.chunk.length >= CHUNK_BALLOTS) await this.submit();
  }

  private async submit(): Promise<void> {
    if (this.chunk.length === 0) return;
    const { chunk } = this;
    this.chunk = [];
    const result = this.work.ballots(this.context, this.sources, chunk);
    result.catch(() => undefined); // it is awaited in its turn
    this.waiting.push({ chunk, result });
    if (this.waiting.length > WAITING) await this.takeOldest();
  }

  private async takeOldest(): Promise<void> {
    const oldest = this.waiting.shift();
    if (oldest !== undefined) this.take(oldest.chunk, await oldest.result);
  }

  private take(chunk: readonly Placed[], result: ChunkResult): void {
    for (const [k, [index]] of chunk.entries()) {
      const [id, batch] = [result.ids[k] ?? new Uint8Array(), this.batchOf.get(index) ?? 0];
      if (this.previous[0] === batch && compare(id, this.previous[1]) < 0)
        this.report.stands("V15", `entry ${index}`, `batch ${batch} is not sorted by ballot id`);
      this.previous = [batch, id];
    }
    for (const { index, check, message } of result.faults) this.exclude(check, index, message);
    this.valid.push(...result.valid.map((ballot) => ({ ...ballot, batch: this.batchOf.get(ballot.index) ?? 0 })));
    for (const [index] of chunk) this.batchOf.delete(index);
    this.sums = this.sums.map((pair, k) => {
      const [nonce, blinded] = result.sums[k] ?? [new Uint8Array(), new Uint8Array()];
      return addPairs(pair, [unpack(nonce), unpack(blinded)]);
    });
  }

  private exclude(check: string, index: number, why: string): void {
    this.report.stands(check, `entry ${index}`, `ballot excluded: ${why}`);
    this.report.figures.excluded += 1;
  }

  /** Waits for all chunks, then applies the rules about the set (V20). Returns the indices of all valid ballots that do not
   * count. */
  async settle(): Promise<readonly number[]> {
    await this.submit();
    while (this.waiting.length > 0) await this.takeOldest();
    const first = new Map<string, number>();
    const repeated: Counted[] = [];
    for (const ballot of this.valid) {
      const earlier = first.get(hex(ballot.id));
      if (earlier === undefined) first.set(hex(ballot.id), ballot.index);
      else {
        repeated.push(ballot);
        this.exclude("V20", ballot.index, `its ballot id stands at entry ${earlier} already`);
      }
    }
    this.remove(repeated);
    const lowest = new Map<string, Counted>();
    for (const ballot of this.valid) {
      const known = lowest.get(turnOf(ballot));
      if (known === undefined || compare(ballot.id, known.id) < 0) lowest.set(turnOf(ballot), ballot);
    }
    const clashes = this.valid.filter((ballot) => lowest.get(turnOf(ballot)) !== ballot);
    for (const ballot of clashes) {
      const winner = lowest.get(turnOf(ballot))?.index ?? 0;
      const why = `the same token and cast number as entry ${winner}, whose id is lower`;
      this.exclude("V20", ballot.index, why);
    }
    this.remove(clashes);
    const newest = new Map<string, number>();
    for (const { token, seq } of this.valid) newest.set(hex(token), Math.max(seq, newest.get(hex(token)) ?? 0));
    const superseded = this.valid.filter(({ token, seq }) => seq < (newest.get(hex(token)) ?? 0));
    return [...repeated, ...clashes, ...superseded].map(({ index }) => index).sort((a, b) => a - b);
  }

  private remove(ballots: readonly Counted[]): void {
    const gone = new Set(ballots);
    this.valid = this.valid.filter((ballot) => !gone.has(ballot));
  }

  /** How many tokens have a valid ballot. */
  get counted(): number {
    return new Set(this.valid.map(({ token }) => hex(token))).size;
  }

  /** How many tokens have their first valid ballot in each batch. */
  get newTokens(): ReadonlyMap<number, number> {
    const first = new Map<string, number>();
    for (const { token, batch } of this.valid) first.set(hex(token), Math.min(batch, first.get(hex(token)) ?? batch));
    const counts = new Map<number, number>();
    for (const batch of first.values()) counts.set(batch, (counts.get(batch) ?? 0) + 1);
    return counts;
  }

  /** The sum of everything valid, less the valid ballots that do not count. */
  async totals(log: CheckedLog, outside: readonly number[]): Promise<readonly Pair[]> {
    const places = summed(this.context.questions);
    let totals: readonly Pair[] = this.sums;
    for (const index of outside) {
      const { ciphertexts } = parseBallot(this.context, await log.entry(index));
      totals = totals.map(([nonce, blinded], k): Pair => {
        const [ownNonce = IDENTITY, ownBlinded = IDENTITY] = ciphertexts[places[k] ?? 0] ?? [];
        return [nonce.subtract(ownNonce), blinded.subtract(ownBlinded)];
      });
    }
    return totals;
  }
}

const turnOf = ({ token, seq }: Counted): string => `${hex(token)} ${seq}`;

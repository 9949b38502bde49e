// Chapter 6, the tally: intents, partial decryptions, counts, outcome (V25 to V28).
//
// Works after the counted set and its sums are established. A trustee's bad contribution is named and passed over; a
// result that does not follow is a breach.

import { fromHex } from "../core/bytes.ts";
import { ClientError } from "../core/errors.ts";
import { G, IDENTITY, ORDER, mod, parseScalar, pointFrom, sum, times, type Point } from "../core/group.ts";
import { shapeOf } from "../core/manifest-rules.ts";
import type { Manifest } from "../core/manifest.ts";
import { Transcript } from "../core/transcript.ts";
import type { Pair } from "../core/verify-ballot.ts";
import type { Body } from "./entries.ts";
import { sameLogs } from "./proofs.ts";
import type { Report } from "./report.ts";
import { countStatus, hasShape, makeResult, totalOf, type Paper, type Result } from "./rules.ts";
import { bySum, numberOf, placesOf, sumsOf } from "./shape.ts";
import { sumsDigest } from "./sums.ts";
import type { SignedRoots } from "./tree.ts";
import type { TallyState } from "./verified-log.ts";

type Intent = Body<"tally-intent">;
type Partial = Body<"partial-decryption">;
type Logged<T> = readonly [number, T];

class Unproven extends Error {}

export interface Counted {
  readonly sums: readonly Pair[];
  /** Sums that must not be opened apart. */
  readonly parts: readonly (readonly Pair[])[];
  readonly tokens: number;
  readonly keys: readonly Point[];
}

export class TallyCheck {
  readonly intents: Logged<Intent>[] = [];
  readonly partials: Logged<Partial>[] = [];
  result: Logged<Result> | null = null;
  paper: Paper | null = null;
  /** The tree that is counted ends right after the close or, if people were struck, after the paper votes. */
  decided = 0;
  /** Where the log says that the referendum ends without a result. */
  abandoned: number | null = null;
  private sound: Logged<Intent>[] = [];
  private proven: ReadonlySet<number> = new Set();
  private sums: readonly Pair[] = [];

  constructor(
    private readonly manifest: Manifest,
    private readonly referendum: Uint8Array,
    private readonly report: Report,
  ) {}

  /** `cosigned` are the sizes whose checkpoint a quorum has seen. */
  conclude(counted: Counted, roots: SignedRoots, cosigned: ReadonlySet<number>): void {
    const { sums, tokens } = counted;
    this.sums = sums;
    this.sound = this.soundIntents(sums, roots, cosigned);
    const valid = this.validPartials(counted);
    this.proven = new Set(valid.keys());
    const status = countStatus(this.manifest, tokens, this.paper?.ballots ?? 0);
    const [first] = this.partials;
    if (status !== "counted" && first !== undefined)
      this.report.breach("V28", `entry ${first[0]}`, "sums were decrypted that the rules say must not be");
    for (const part of counted.parts) this.forbidPart(part, counted.keys);
    if (this.abandoned !== null) this.checkEnd(`entry ${this.abandoned}`, status, valid.size);
    if (this.result === null) return;
    const [position, result] = this.result;
    const where = `entry ${position}`;
    const same = (expected: Result): boolean => isSame(expected, result);
    if (status !== "counted") {
      if (!same(makeResult(this.manifest, tokens, this.paper, [], [])))
        this.report.breach("V28", where, `the result must be ${status}, with these participants, no figures`);
      return;
    }
    const together = this.paper?.kind === "encrypted";
    const claimed = result.questions.map(({ online, total }) => (together ? total : (online ?? [])));
    const held = tokens + (together ? (this.paper?.ballots ?? 0) : 0);
    this.checkCounts(where, result, claimed, sums, held, valid);
    if (!hasShape(this.manifest, claimed))
      this.report.breach("V28", where, "the result does not have the shape of the questions");
    else if (!same(makeResult(this.manifest, tokens, this.paper, claimed, result.trustees)))
      this.report.breach("V28", where, "status, participants, totals or outcome do not follow from the counts");
  }

  /** What trustees go on from, once `conclude` has run; `decidedAt` is when a quorum had seen the tree that is counted. */
  state(roots: SignedRoots, decidedAt: number | null): TallyState & { readonly sums: readonly Pair[] } {
    return {
      decided: this.decided,
      root: roots.get(this.decided) ?? "",
      decidedAt,
      paperBallots: this.paper?.ballots ?? 0,
      intents: this.sound.map(([, body]) => body),
      partials: this.proven,
      sums: this.sums,
    };
  }

  /** Those that name the tree that is counted, and its sums. */
  private soundIntents(sums: readonly Pair[], roots: SignedRoots, cosigned: ReadonlySet<number>): Logged<Intent>[] {
    const digest = sumsDigest(this.referendum, sums);
    const root = roots.get(this.decided);
    return this.intents.filter(([position, body]) => {
      const problems = [
        (root === null || body.size !== this.decided || body.root !== root) && "names a tree that is not counted",
        !cosigned.has(this.decided) && "names a tree no quorum has cosigned",
        body.sums !== digest && "announces other sums",
      ];
      const problem = problems.find((one) => one !== false);
      if (problem !== undefined)
        this.report.passedOver("V25", `entry ${position}`, `trustee ${body.trustee} ${problem}`);
      return problem === undefined;
    });
  }

  private validPartials({ sums, keys }: Counted): Map<number, readonly Point[]> {
    const valid = new Map<number, readonly Point[]>();
    for (const [position, body] of this.partials) {
      const { trustee } = body;
      const before = new Set(this.sound.filter(([at]) => at < position).map(([, intent]) => intent.trustee));
      const agreed = before.has(trustee) && before.size >= this.manifest.trustees.threshold;
      try {
        if (!agreed) throw new Unproven(`trustee ${trustee} decrypts without agreed intents`);
        if (valid.has(trustee)) throw new Unproven(`trustee ${trustee} has decrypted before`);
        if (body.root !== this.sound[0]?.[1].root)
          throw new Unproven(`trustee ${trustee}: a decryption for another tree`);
        const key = keys[trustee - 1];
        if (key === undefined) throw new RangeError(`the election key has no part of trustee ${trustee}`);
        valid.set(trustee, this.partial(sums, key, body));
      } catch (error) {
        if (!(error instanceof Unproven || error instanceof ClientError)) throw error;
        this.report.passedOver("V26", `entry ${position}`, error.message);
      }
    }
    return valid;
  }

  /** One trustee's contributions in the order of the sums. Throws where one is not proven. */
  private partial(sums: readonly Pair[], key: Point, body: Partial): Point[] {
    const shape = this.manifest.questions.map((question) => sumsOf(shapeOf(question)));
    const given = body.decryptions.map(({ length }) => length);
    if (given.length !== shape.length || given.some((length, k) => length !== shape[k]))
      throw new Unproven(`trustee ${body.trustee}: a decryption without the shape of the questions`);
    return this.places.map(([question, number], k) => {
      const image = this.decryption(sums[k], key, body, question, number);
      if (image === null) throw new Unproven(`trustee ${body.trustee}: the proof of equal logarithms does not hold`);
      return image;
    });
  }

  private get places(): readonly (readonly [number, number])[] {
    return placesOf(this.manifest.questions.map(shapeOf));
  }

  /** Null where it is not proven for this sum. Throws `encoding`. */
  private decryption(
    total: Pair | undefined,
    key: Point,
    body: Partial,
    question: number,
    number: number,
  ): Point | null {
    const part = body.decryptions[question]?.[number];
    if (part === undefined || total === undefined) return null;
    const image = pointFrom(fromHex(part.point));
    const context = Transcript.of("decryption")
      .add("referendum", this.referendum)
      .add("root", fromHex(body.root))
      .addInt("trustee", body.trustee)
      .addInt("question", question)
      .addInt("sum", number);
    const [challenge, response] = [part.challenge, part.response].map((text) => parseScalar(fromHex(text)));
    return sameLogs(key, total[0], image, challenge ?? 0n, response ?? 0n, context) ? image : null;
  }

  private checkEnd(where: string, status: string, proven: number): void {
    if (status !== "counted")
      this.report.breach("V28", where, `ended without a result, though the rules say that it is ${status}`);
    else if (proven >= this.manifest.trustees.threshold)
      this.report.breach("V28", where, "ended without a result, though enough trustees had decrypted");
  }

  /** A few paper votes are only ever counted together with the online ones: either part would show the other. Fewer than t
   * trustees open nothing, and make nothing void. */
  private forbidPart(part: readonly Pair[], keys: readonly Point[]): void {
    for (const [k, [question, number]] of this.places.entries()) {
      const opened = new Set<number>();
      for (const [, body] of this.partials) {
        const key = keys[body.trustee - 1];
        try {
          if (key !== undefined && this.decryption(part[k], key, body, question, number) !== null)
            opened.add(body.trustee);
        } catch {
          // a body need not have the shape of the questions
        }
      }
      if (opened.size < this.manifest.trustees.threshold) continue;
      const where = `entry ${this.partials[0]?.[0] ?? 0}`;
      return this.report.breach("V28", where, "the online votes, or a few paper votes, were decrypted apart");
    }
  }

  /** `claims` are what the sums are said to give, `held` is the number of ballots in them. */
  private checkCounts(
    where: string,
    { trustees: chosen }: Result,
    claims: readonly (readonly number[])[],
    sums: readonly Pair[],
    held: number,
    valid: ReadonlyMap<number, readonly Point[]>,
  ): void {
    const ascending = chosen.every((trustee, k) => k === 0 || trustee > (chosen[k - 1] ?? 0));
    const enough = chosen.length === this.manifest.trustees.threshold && ascending;
    if (!enough || chosen.some((trustee) => !valid.has(trustee)))
      return this.report.breach("V27", where, "the result does not rest on enough proven partial decryptions");
    if (!hasShape(this.manifest, claims))
      return this.report.breach("V27", where, "the result does not have a count for each option");
    let number = 0;
    for (const [q, question] of this.manifest.questions.entries()) {
      for (const claimed of bySum(shapeOf(question), claims[q] ?? [])) {
        const [, blinded] = sums[number] ?? [IDENTITY, IDENTITY];
        const masked = sum(
          chosen.map((trustee) => times(valid.get(trustee)?.[number] ?? IDENTITY, lagrange(chosen, trustee))),
        );
        number += 1;
        // A sum of two counts has one reading only because they add up to no more than the ballots in it.
        const same = times(G, mod(numberOf(claimed))).equals(blinded.subtract(masked));
        if (totalOf(claimed) > held || !same)
          this.report.breach("V27", where, `a sum of question ${q + 1} does not decrypt to ${claimed.join(" and ")}`);
      }
    }
  }
}

/** Of JSON values, whatever the order of their fields; a claimed count may be larger than canonical JSON writes. */
function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  const [names, others] = [Object.keys(a), Object.keys(b)];
  const [left, right] = [a as Readonly<Record<string, unknown>>, b as Readonly<Record<string, unknown>>];
  return (
    names.length === others.length && names.every((name) => Object.hasOwn(b, name) && isSame(left[name], right[name]))
  );
}

/** The coefficient at zero of one trustee among these. */
function lagrange(trustees: readonly number[], own: number): bigint {
  let [numerator, denominator] = [1n, 1n];
  for (const other of trustees) {
    if (other === own) continue;
    numerator = mod(numerator * BigInt(other));
    denominator = mod(denominator * BigInt(other - own));
  }
  return mod(numerator * inverse(denominator));
}

/** By Fermat: q is a prime. */
function inverse(value: bigint): bigint {
  let [result, base] = [1n, value];
  for (let exponent = ORDER - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = mod(result * base);
    base = mod(base * base);
  }
  return result;
}

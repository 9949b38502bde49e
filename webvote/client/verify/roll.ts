// Chapter 3, who may vote: credentials, spares, replacements, issuance, and whom registrars struck for paper (V13, V21 to
// V24).
//
// Works on the published lists beside the log. Of a person, list and log know only the public key of a letter's
// credential. Leaves how those voted who vote on paper to `paper`.

import { concat, hex, type Bytes } from "../core/bytes.ts";
import type { Manifest } from "../core/manifest.ts";
import type { Body } from "./entries.ts";
import {
  CREDENTIALS,
  ISSUED_LINE,
  KEY_LINE,
  ListRoot,
  SPARES,
  issuancePath,
  readIssued,
  readKeys,
  struckPath,
  type Issued,
} from "./lists.ts";
import { PlaceError, RecordInvalid, type Place } from "./place.ts";
import type { Report } from "./report.ts";
import { countsProblem, issuanceProblem } from "./signatures.ts";
import type { Work } from "./work.ts";

type Kind = "credential" | "spare" | "struck" | "replacement";
const CHUNK = 4096;

export class RollCheck {
  /** [batch, counts] of the headers that state them as they must. */
  readonly countsAt: (readonly [number, readonly number[]])[] = [];
  private readonly kinds = new Map<string, Kind>();
  /** By registrar: who asked, and whether a device said that the token was used; who was struck for paper. */
  private readonly issued: Map<string, boolean>[];
  private readonly struck: Set<string>[];
  private last: readonly number[];

  constructor(
    private readonly place: Place,
    private readonly manifest: Manifest,
    private readonly referendum: Uint8Array,
    private readonly report: Report,
    private readonly work: Work,
  ) {
    this.issued = manifest.registrars.map(() => new Map());
    this.struck = manifest.registrars.map(() => new Set());
    this.last = manifest.registrars.map(() => 0);
  }

  private get official(): number {
    return this.manifest.eligibility.official_count;
  }

  async takeRoll(where: string, roll: Body<"roll">): Promise<void> {
    if (roll.count !== this.official)
      this.report.breach("V13", where, `a roll of ${roll.count} people where ${this.official} are official`);
    await this.takeKeys(CREDENTIALS, "credential", roll.count, roll.credentials_root);
    await this.takeKeys(SPARES, "spare", roll.spares, roll.spares_root);
  }

  private takeKeys(path: string, kind: Kind, count: number, root: string): Promise<void> {
    return this.reading("V13", path, async () => {
      const [list, keys] = [new ListRoot(), [] as Bytes[]];
      // What is wrong further on is said after what stands before it.
      const ended = await collect(readKeys(this.place, path, KEY_LINE * this.official), keys);
      const bad = await this.work.keys(keys);
      for (const [k, key] of keys.entries()) {
        list.add(key);
        if (k === bad) throw new RecordInvalid("not the x-coordinate of a point of secp256k1");
        if (this.kinds.has(hex(key))) this.report.breach("V13", path, "a key stands in both lists");
        else this.kinds.set(hex(key), kind);
      }
      if (ended !== null) throw ended;
      if (!list.is(count, root))
        this.report.breach("V13", path, "the list is not the one whose length and root stand in the log");
    });
  }

  /** What cannot be read of a list is said, and ends its reading. */
  private async reading(check: string, path: string, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (error instanceof PlaceError) this.report.breach("V1", path, error.message);
      else if (error instanceof RecordInvalid) this.report.breach(check, path, error.message);
      else throw error;
    }
  }

  takeReplace(where: string, { struck, replacement }: Body<"replace">): void {
    if (this.kinds.get(struck) !== "credential")
      this.report.breach("V24", where, "the struck letter is no credential of the roll");
    else if (this.kinds.get(replacement) !== "spare")
      this.report.breach("V24", where, "the replacement is no spare letter");
    else {
      this.kinds.set(struck, "struck");
      this.kinds.set(replacement, "replacement");
    }
  }

  /** The registrars' statements in a batch header (V22). The result rests on the final ones, so a header without them is
   * named and passed by. */
  async takeCounts(where: string, body: Body<"batch">): Promise<void> {
    const problem = await countsProblem(this.manifest, this.referendum, body, this.last);
    if (problem !== null) return this.report.stands("V22", where, problem);
    this.last = body.issued.map(({ count }) => count);
    this.countsAt.push([body.number, this.last]);
  }

  /** Checks the registrars' final statements and lists. */
  async takeClose(where: string, close: Body<"close">): Promise<void> {
    const problem = await issuanceProblem(this.manifest, this.referendum, close);
    if (problem !== null) this.report.breach("V21", where, problem);
    const excess = close.issuance.findIndex(({ count }) => count > this.official);
    if (excess >= 0)
      this.report.breach("V22", where, `registrar ${excess + 1} issued more tokens than there are voters`);
    const statements = close.issuance.slice(0, this.manifest.registrars.length);
    for (const [k, { count, root }] of statements.entries()) {
      const stated = this.last[k] ?? 0;
      if (count < stated)
        this.report.stands(
          "V22",
          where,
          `registrar ${k + 1} had stated ${stated} tokens while people voted, and lists ${count}`,
        );
      await this.takeIssuance(k + 1, count, root);
    }
    this.report.figures.issued = close.issuance.map(({ count }) => count);
    for (const [k, { struck, struck_root: root }] of statements.entries())
      await this.takeStruck(where, k + 1, struck, root);
    const [voters, withPart] = this.onPaper();
    this.report.figures.struck = voters;
    this.report.figures.struckWithPart = withPart;
  }

  private takeIssuance(registrar: number, count: number, root: string): Promise<void> {
    const path = issuancePath(registrar);
    return this.reading("V21", path, async () => {
      const [list, pending] = [new ListRoot(), [] as Promise<readonly number[]>[]];
      const chunks: Issued[][] = [];
      let chunk: Issued[] = [];
      const flush = (): void => {
        for (const line of chunk) this.takeLine(registrar, path, line, list);
        pending.push(this.work.letters(this.referendum, registrar, chunk));
        chunks.push(chunk);
        chunk = [];
      };
      for await (const line of readIssued(this.place, path, ISSUED_LINE * this.official)) {
        chunk.push(line);
        if (chunk.length === CHUNK) flush();
      }
      if (chunk.length > 0) flush();
      for (const [k, bad] of (await Promise.all(pending)).entries())
        for (const place of bad) {
          const credential = chunks[k]?.[place]?.credential ?? new Uint8Array();
          this.report.breach("V21", path, `credential ${hex(credential).slice(0, 16)}... did not sign its line`);
        }
      if (!list.is(count, root))
        this.report.breach("V21", path, "the list is not the one whose length and root stand in the log");
    });
  }

  private takeLine(registrar: number, path: string, line: Issued, list: ListRoot): void {
    const credential = hex(line.credential);
    list.add(concat(line.credential, line.request, line.signature, line.acknowledgement));
    const issued = this.issued[registrar - 1];
    if (!issued?.has(credential)) issued?.set(credential, line.acknowledgement.length > 0);
    const kind = this.kinds.get(credential);
    if (kind === "credential" || kind === "replacement") return;
    const what = { spare: "an unused spare", struck: "a struck letter" };
    this.report.breach("V21", path, `a token was issued to ${kind === undefined ? "a stranger" : what[kind]}`);
  }

  private takeStruck(where: string, registrar: number, count: number, root: string): Promise<void> {
    const path = struckPath(registrar);
    return this.reading("V23", path, async () => {
      const list = new ListRoot();
      for await (const key of readKeys(this.place, path, KEY_LINE * this.official)) {
        const credential = hex(key);
        list.add(key);
        this.struck[registrar - 1]?.add(credential);
        const kind = this.kinds.get(credential);
        if (kind !== "credential" && kind !== "replacement")
          this.report.breach("V23", path, "a voter struck for paper is not on the roll");
        else if (this.issued[registrar - 1]?.has(credential))
          this.report.breach("V23", path, "a voter struck for paper has a token as well");
      }
      if (!list.is(count, root))
        this.report.breach("V23", where, `${path} is not the list whose length and root stand in the log`);
    });
  }

  /** How many voters may vote on paper, and for how many of them another registrar than the first had signed: whom the first
   * struck, and every other one struck too, unless it had signed before (docs/protocol.md, 14.6). */
  private onPaper(): readonly [number, number] {
    const [first = new Set<string>()] = this.struck;
    const others = this.issued
      .slice(1)
      .map((issued, k) => ({ issued, struck: this.struck[k + 1] ?? new Set<string>() }));
    const voters = [...first].filter((key) => others.every(({ issued, struck }) => issued.has(key) || struck.has(key)));
    const withPart = voters.filter((key) => others.some(({ issued }) => issued.has(key)));
    return [voters.length, withPart.length];
  }

  /** How many voters acknowledged to any registrar that their token was used. */
  get acknowledged(): number {
    const said = this.issued.flatMap((issued) => [...issued].filter(([, used]) => used).map(([key]) => key));
    return new Set(said).size;
  }

  /** How many voters asked each registrar for a token. */
  get onEveryList(): number {
    const [first = new Map<string, boolean>(), ...others] = this.issued;
    return [...first.keys()].filter((key) => others.every((issued) => issued.has(key))).length;
  }
}

/** The error that ended the reading, if one did. */
async function collect<T>(items: AsyncIterable<T>, into: T[]): Promise<unknown> {
  try {
    for await (const item of items) into.push(item);
    return null;
  } catch (error) {
    return error;
  }
}

// One pass over a log: what is done with each entry in turn, and what is noted for the conclusions.
//
// An entry is handled once its encoding, signatures and place in the order were checked. Decides what of it can be judged
// at once, and which chapter hears of the rest.

import { sha256 } from "@noble/hashes/sha2.js";
import { equal, fromHex, hex } from "../core/bytes.ts";
import { contextOf } from "../core/context.ts";
import { ClientError } from "../core/errors.ts";
import { pointFrom } from "../core/group.ts";
import type { Manifest, Texts } from "../core/manifest.ts";
import { BallotChecker } from "./ballots.ts";
import { CeremonyCheck } from "./ceremony.ts";
import { parseEntry, signaturesProblem, type Body, type Entry, type Kind } from "./entries.ts";
import { DOCUMENTS } from "./files.ts";
import { isClientPath, isDocumentName, isRelease, textProblem, textsProblem } from "./names.ts";
import { Order, OrderInvalid } from "./order.ts";
import { PaperReading } from "./paper.ts";
import { PlaceError, RecordInvalid, read, type Place } from "./place.ts";
import type { Report } from "./report.ts";
import { RollCheck } from "./roll.ts";
import { hasShape, paperBallotsProblem, paperProblem } from "./rules.ts";
import { Unreadable } from "./stream.ts";
import { TallyCheck } from "./tally.ts";
import type { Tree } from "./tree.ts";
import type { Work } from "./work.ts";

const DOCUMENT_BYTES = 64 * 1024 * 1024;
const MESSAGES: ReadonlySet<string> = new Set<Kind>([
  ...(["commit", "reveal", "share", "confirm", "complaint", "drill"] as const),
  ...(["election-key", "roll", "tally-intent"] as const),
]);

export class Walk {
  readonly order: Order;
  readonly ceremony: CeremonyCheck;
  readonly roll: RollCheck;
  readonly tally: TallyCheck;
  /** The sizes whose checkpoint must be there, with what ends there. */
  readonly required = new Map<number, string>();
  /** Ballots stand between these, where the log may not have been signed. */
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  readonly batchEnds: number[] = [];
  readonly documents = new Set<string>();
  opened: number | null = null;
  closed: number | null = null;
  abandoned: number | null = null;
  electionKey: { readonly raw: Uint8Array; readonly body: Body<"election-key"> } | null = null;
  ballots: BallotChecker | null = null;
  paper: PaperReading | null = null;
  /** Entries of trustees, the roll and the election key, that stand where they may. */
  readonly messages: Entry[] = [];
  private lastIncident: Texts | null = null;

  constructor(
    readonly place: Place,
    readonly tree: Tree,
    private readonly manifestRaw: Uint8Array,
    readonly manifest: Manifest,
    readonly referendum: Uint8Array,
    readonly report: Report,
    private readonly work: Work,
  ) {
    this.order = new Order(manifest);
    this.ceremony = new CeremonyCheck(manifest, referendum, report);
    this.roll = new RollCheck(place, manifest, referendum, report, work);
    this.tally = new TallyCheck(manifest, referendum, report);
  }

  /** Throws Unreadable for a ballot that nothing could be said of. */
  async takeBallot(index: number, raw: Uint8Array): Promise<void> {
    const { report, order } = this;
    const onPaper = order.onPaper;
    try {
      order.admitBallot();
    } catch (error) {
      if (!(error instanceof OrderInvalid)) throw error;
      report.figures.ballots += 1;
      report.stands("V9", `entry ${index}`, `ballot excluded: ${error.message}`);
      report.figures.excluded += 1;
      return;
    }
    if (this.ballots === null) {
      report.breach("V12", `entry ${index}`, "a ballot without a valid election key");
      throw new Unreadable();
    }
    if (onPaper) this.paper?.take(index, raw);
    else {
      report.figures.ballots += 1;
      await this.ballots.add(index, order.batches, raw);
    }
    if (order.awaiting > 0) return;
    if (onPaper) this.endPaper();
    else this.endBatch();
  }

  private endBatch(): void {
    const { size } = this.tree;
    this.ends.push(size);
    this.batchEnds.push(size);
    this.required.set(size, `batch ${this.order.batches}`);
  }

  /** The tree that is counted ends with the paper votes. */
  private endPaper(): void {
    const { size } = this.tree;
    this.ends.push(size);
    this.required.set(size, "the paper votes");
    this.tally.decided = size;
  }

  async takeEntry(index: number, raw: Uint8Array): Promise<void> {
    const { report } = this;
    const where = `entry ${index}`;
    let entry: Entry;
    try {
      entry = parseEntry(raw);
    } catch (error) {
      if (!(error instanceof RecordInvalid)) throw error;
      return report.breach("V8", where, error.message);
    }
    const problem = await signaturesProblem(this.manifest, this.referendum, entry);
    if (problem !== null) report.breach("V10", where, problem);
    try {
      this.order.admit(entry);
    } catch (error) {
      if (!(error instanceof OrderInvalid)) throw error;
      return report.breach("V9", where, error.message);
    }
    if (entry.type === "batch" || entry.type === "paper-ballots") this.starts.push(index + 1);
    if (MESSAGES.has(entry.type)) this.messages.push(entry);
    await this.handle(index, where, raw, entry);
  }

  private async handle(index: number, where: string, raw: Uint8Array, entry: Entry): Promise<void> {
    const [{ report, tally }, size] = [this, index + 1];
    const root = (): Uint8Array => this.tree.root();
    switch (entry.type) {
      case "commit":
      case "reveal":
      case "share":
      case "confirm":
      case "complaint":
      case "drill":
        return this.ceremony.take(where, entry, root);
      case "election-key":
        this.ceremony.take(where, entry, root);
        return this.takeElectionKey(where, raw, entry.body);
      case "roll":
        this.ceremony.takeRoll(root());
        return this.roll.takeRoll(where, entry.body);
      case "client":
        return this.stands("V29", where, clientProblem(entry.body));
      case "open":
        this.opened = size;
        this.required.set(size, "open");
        if (this.electionKey === null || hex(sha256(this.electionKey.raw)) !== entry.body.election_key)
          report.breach("V12", where, "voting was opened for another election key");
        return;
      case "batch":
        await this.roll.takeCounts(where, entry.body);
        if (entry.body.size > 0) return;
        report.stands("V15", where, "an empty batch");
        return this.endBatch();
      case "replace":
        return this.roll.takeReplace(where, entry.body);
      case "incident":
        this.stands("V8", where, textsProblem(this.manifest, entry.body.text, this.lastIncident));
        this.lastIncident = entry.body.text;
        return;
      case "cancel":
        return this.stands("V8", where, textsProblem(this.manifest, entry.body.text));
      case "abandon":
        this.abandoned = size;
        this.required.set(size, "the end");
        tally.abandoned = index;
        return this.stands("V8", where, textsProblem(this.manifest, entry.body.text));
      case "close":
        this.closed = size;
        tally.decided = entry.body.issuance.some(({ struck }) => struck > 0) ? 0 : size;
        this.required.set(size, "the close");
        return this.roll.takeClose(where, entry.body);
      case "paper-result":
        return this.takePaperResult(where, size, entry.body);
      case "paper-ballots":
        return this.takePaperHeader(where, entry.body);
      case "tally-intent":
        if (this.manifest.complaint_seconds > 0 && tally.intents.length === 0)
          this.required.set(size, "the first intent");
        tally.intents.push([index, entry.body]);
        return;
      case "partial-decryption":
        tally.partials.push([index, entry.body]);
        return;
      case "result":
        tally.result = [index, entry.body];
        report.result = entry.body;
        return;
      case "minutes":
        return this.takeMinutes(where, entry.body);
      case "sample":
        report.figures.dice = entry.body.dice;
        return;
      case "purge":
        return this.stands("V8", where, entry.body.destroyed.map(textProblem).find((one) => one !== null) ?? null);
      default:
    }
  }

  /** One officer or the client key alone wrote this, and nothing that is counted depends on it. */
  private stands(check: string, where: string, problem: string | null): void {
    if (problem !== null) this.report.stands(check, where, problem);
  }

  private takeElectionKey(where: string, raw: Uint8Array, body: Body<"election-key">): void {
    try {
      for (const key of body.verification_keys) pointFrom(fromHex(key));
      const context = contextOf(this.manifest, this.referendum, raw, body.joint_key);
      this.ballots = new BallotChecker(context, [this.manifestRaw, raw], this.report, this.work);
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      return this.report.breach("V12", where, error.message);
    }
    this.electionKey = { raw, body };
  }

  private takePaperResult(where: string, size: number, body: Body<"paper-result">): void {
    this.tally.decided = size;
    this.required.set(size, "the paper votes");
    const problem = paperProblem(this.manifest, body, this.report.figures.struck);
    if (problem !== null) this.report.breach("V23", where, problem);
    if (hasShape(this.manifest, body.counts))
      this.tally.paper = { kind: "counts", ballots: body.ballots, counts: body.counts };
  }

  /** Where more are announced than the rules allow, none of them is looked at. */
  private takePaperHeader(where: string, body: Body<"paper-ballots">): void {
    this.tally.paper = { kind: "encrypted", ballots: body.ballots };
    const problem = paperBallotsProblem(this.manifest, body.ballots, this.report.figures.struck);
    if (problem !== null) this.report.breach("V23", where, problem);
    else if (this.ballots !== null) this.paper = new PaperReading(this.ballots.context, body, where, this.report);
    if (body.ballots === 0) this.endPaper();
  }

  private async takeMinutes(where: string, body: Body<"minutes">): Promise<void> {
    if (!isDocumentName(body.name))
      return this.report.stands("V29", where, "a document's name is not a plain file name");
    if ([...this.documents].some((name) => name.toLowerCase() === body.name.toLowerCase()))
      return this.report.stands("V29", where, "an earlier document has this name, in capitals or not");
    this.documents.add(body.name);
    const path = DOCUMENTS + body.name;
    try {
      const data = await read(this.place, path, DOCUMENT_BYTES);
      if (!equal(sha256(data), fromHex(body.sha256)))
        this.report.stands("V29", path, "not the document whose hash stands in the log");
    } catch (error) {
      if (!(error instanceof PlaceError)) throw error;
      this.report.stands("V1", path, error.message);
    }
  }
}

function clientProblem({ release, files }: Body<"client">): string | null {
  const paths = files.map(({ path }) => path);
  if (!isRelease(release) || !paths.every(isClientPath))
    return "a release or a path of the client that is not a plain name";
  const sorted = paths.every((path, k) => k === 0 || (paths[k - 1] ?? "") < path);
  return paths.length === 0 || !sorted ? "the client's files are listed once each, sorted" : null;
}

// Finds a ballot in the published log by requests that do not say which ballot is meant.
//
// Decides which files are asked for: headers are followed to the wanted batch, or through all batches, and whole batches
// are read and searched here. Leaves to the pages when to look and what to show, and what became of a promised ballot to
// `ballot-fate`.

import { sha256 } from "@noble/hashes/sha2.js";
import { equal } from "./bytes.ts";
import { checkSignatures, entryType, parseEntry, type Body } from "./entries.ts";
import { withErrorCode } from "./errors.ts";
import { LogReader, withLatestHead, type ReadLogFile } from "./log.ts";
import { checkLogSignature, countWitnesses, parseCheckpoint, type Checkpoint } from "./note.ts";
import { checkReceipt, makeReceipt } from "./receipt.ts";
import type { Setup } from "./setup.ts";

export type Found =
  | { readonly state: "waiting" | "missing" }
  | { readonly state: "found"; readonly index: number; readonly receipt: string; readonly superseded: boolean };

/** What is looked for: a ballot id, and the batch and the hash of the whole cast ballot where they are known. */
export interface Wanted {
  readonly ballotId: Uint8Array;
  readonly castHash: Uint8Array | null;
  readonly batch: number | null;
}

/** (batch, index of its header), ascending: where the server says that batches stand. Only a place to begin. */
export type Signposts = readonly (readonly [number, number])[];

/** One entry that is a ballot of this referendum by its length, not checked. */
export interface LoggedBallot {
  readonly index: number;
  readonly batch: number;
  readonly raw: Uint8Array;
}

/** A log under a head that a quorum has cosigned. */
export interface WitnessedLog {
  readonly checkpoint: Checkpoint;
  readonly reader: LogReader;
}

/** The log under this head; null while the head lacks its quorum. Throws setup-log for what the log did not sign. */
export async function witnessedLog(
  readFile: ReadLogFile,
  setup: Setup,
  head: Uint8Array,
): Promise<WitnessedLog | null> {
  const checkpoint = parseCheckpoint(head);
  await checkLogSignature(setup.manifest, checkpoint);
  if ((await countWitnesses(setup.manifest, checkpoint)) < setup.manifest.witnesses.quorum) return null;
  return { checkpoint, reader: new LogReader(readFile, checkpoint.size, checkpoint.root) };
}

/** Looks for a ballot in its promised batch, or in all batches. */
export function findBallot(
  readFile: ReadLogFile,
  setup: Setup,
  wanted: Wanted,
  signposts: Signposts = [],
): Promise<Found> {
  return withLatestHead(readFile, (head) =>
    withErrorCode("setup-log", async () => {
      const log = await witnessedLog(readFile, setup, head);
      return log === null ? { state: "waiting" } : find(log, setup, wanted, signposts);
    }),
  );
}

async function find(
  log: WitnessedLog,
  setup: Setup,
  { ballotId, castHash, batch }: Wanted,
  signposts: Signposts,
): Promise<Found> {
  const { context } = setup;
  const { reader } = log;
  const start = batch === null ? setup.openSize : await followSignposts(reader, setup, batch, signposts);
  const { batches, ended } = await walkBatches(reader, setup, start, batch);
  const ballots = await readBallots(
    reader,
    setup,
    batches.filter(({ number }) => batch === null || number === batch),
  );
  const own = ballots.find(
    ({ raw }) =>
      equal(context.ballotId(context.bodyOf(raw)), ballotId) && (castHash === null || equal(sha256(raw), castHash)),
  );
  if (own === undefined) {
    const passed = batch !== null && batches.some(({ number }) => number >= batch);
    return { state: passed || ended !== null ? "missing" : "waiting" };
  }
  const superseded = ballots.some(
    ({ raw }) => equal(context.tokenOf(raw), context.tokenOf(own.raw)) && context.seqOf(raw) > context.seqOf(own.raw),
  );
  return { state: "found", index: own.index, receipt: await receiptFor(log, setup, own), superseded };
}

/** The receipt of a ballot that was read under this head. Every bundle was checked when it was read, so the tiles of this
 * proof were read already: no file is requested now. */
export async function receiptFor(
  { checkpoint, reader }: WitnessedLog,
  setup: Setup,
  { index, raw }: LoggedBallot,
): Promise<string> {
  const receipt = makeReceipt(index, await reader.inclusion(index), checkpoint);
  await checkReceipt(setup.manifest, receipt, raw);
  return receipt;
}

/** The nearest header at or before the batch, or else the opening. A signpost counts only where the box's own signed
 * header stands; so a false one costs time and hides nothing. */
export async function followSignposts(
  reader: LogReader,
  setup: Setup,
  batch: number,
  signposts: Signposts,
): Promise<number> {
  const [number, index] = signposts.filter(([candidate]) => candidate <= batch).at(-1) ?? [0, 0];
  if (index < setup.openSize || index >= reader.size) return setup.openSize;
  const raw = await reader.entry(index);
  if (raw[0] !== 0x7b || entryType(raw) !== "batch") return setup.openSize;
  const entry = parseEntry(raw);
  await checkSignatures(setup.manifest, setup.referendum, entry);
  return entry.type === "batch" && entry.body.number === number ? index : setup.openSize;
}

/** A whole batch: its ballots are the entries first..end-1. */
export interface Batch {
  readonly number: number;
  readonly first: number;
  readonly end: number;
}

/** What `walkBatches` found; `close` is the entry that ended the voting, if that did. */
export interface Walked {
  readonly batches: readonly Batch[];
  readonly ended: "close" | "cancel" | null;
  readonly close: Body<"close"> | null;
}

/** The batches from `start` on, as far as `until` if that is given, and what ended the voting, if it has ended there. */
export async function walkBatches(
  reader: LogReader,
  setup: Setup,
  start: number,
  until: number | null = null,
): Promise<Walked> {
  const batches: Batch[] = [];
  for (let index = start; index < reader.size; index++) {
    const raw = await reader.entry(index);
    if (raw[0] !== 0x7b) continue;
    const type = entryType(raw);
    if (type !== "batch" && type !== "close" && type !== "cancel") continue;
    const entry = parseEntry(raw);
    await checkSignatures(setup.manifest, setup.referendum, entry);
    if (entry.type === "close") return { batches, ended: "close", close: entry.body };
    if (entry.type !== "batch") return { batches, ended: "cancel", close: null };
    const { number, size } = entry.body;
    const [first, end] = [index + 1, index + 1 + size];
    if (end > reader.size) break;
    batches.push({ number, first, end });
    if (until !== null && number >= until) break;
    index += size;
  }
  return { batches, ended: null, close: null };
}

/** What has the length of a ballot in these batches. */
export async function readBallots(
  reader: LogReader,
  setup: Setup,
  batches: readonly Batch[],
): Promise<readonly LoggedBallot[]> {
  const ballots: LoggedBallot[] = [];
  for (const { number, first, end } of batches)
    for (let index = first; index < end; index++) {
      const raw = await reader.entry(index);
      if (raw.length === setup.context.castBytes) ballots.push({ index, batch: number, raw });
    }
  return ballots;
}

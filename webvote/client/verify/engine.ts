// The second verifier: one pass over the log that feeds every chapter, then the conclusions (docs/protocol.md, 15).
//
// Decides the order in which chapters conclude, and fails closed: what cannot be read or run is said, and nothing is then
// established. It shares no code with the Python verifier; the tests hold both against the same forgeries.

import { equal, fromHex, hex } from "../core/bytes.ts";
import { ClientError } from "../core/errors.ts";
import { pointFrom } from "../core/group.ts";
import { parseManifest, referendumId, type Manifest } from "../core/manifest.ts";
import type { BallotChecker } from "./ballots.ts";
import { CheckpointCheck, isLogSigned, type Times } from "./checkpoints.ts";
import { checkFiles } from "./files.ts";
import { CannotRead, type Place } from "./place.ts";
import type { VerifiedLog } from "./verified-log.ts";
import { Report } from "./report.ts";
import { LogStream, Unreadable, readHead } from "./stream.ts";
import { addPairs } from "./sums.ts";
import { HEAD } from "./tiles.ts";
import { CheckedLog, SignedRoots } from "./tree.ts";
import { Walk } from "./walk.ts";
import { atOnce, type Work } from "./work.ts";

const PROGRESS_STEP = 256;
/** Counts log entries. */
export type Progress = (done: number, total: number) => void;

/** Checks a whole bundle. `referendum` is the 32-byte id from the letter; without it nothing says which one this is. */
export async function verify(
  place: Place,
  referendum: Uint8Array | null,
  work: Work = atOnce,
  progress: Progress = () => undefined,
): Promise<Report> {
  const report = new Report();
  report.anchored = referendum !== null;
  try {
    const stream = new LogStream(place, report, await readHead(place, report));
    const walk = await walkThrough(place, stream, referendum, report, work, progress);
    const [roots, times] = await conclude(walk, stream);
    report.whole = report.established;
    if (report.whole && report.anchored && times !== null) report.log = verifiedLog(walk, roots, times);
  } catch (error) {
    if (error instanceof CannotRead) report.unchecked("place", error.message);
    else if (!(error instanceof Unreadable)) report.unchecked("verifier", unfinished("the verification", error));
  }
  return report;
}

const unfinished = (what: string, error: unknown): string => `${what} could not be finished: ${String(error)}`;

async function walkThrough(
  place: Place,
  stream: LogStream,
  asked: Uint8Array | null,
  report: Report,
  work: Work,
  progress: Progress,
): Promise<Walk> {
  const { size } = stream.head;
  let walk: Walk | null = null;
  for await (const [index, raw] of stream.entries()) {
    if (walk === null) walk = await begin(place, stream, raw, asked, report, work);
    else if (raw[0] === 0x7b) await walk.takeEntry(index, raw);
    else await walk.takeBallot(index, raw);
    if (index % PROGRESS_STEP === 0) progress(index, size);
  }
  progress(size, size);
  if (walk === null) throw new Unreadable();
  return walk;
}

/** Entry 0, the manifest. Throws Unreadable when it is not the one asked for or not valid, or when its log has not signed
 * the head: nothing after it could be judged. */
async function begin(
  place: Place,
  stream: LogStream,
  raw: Uint8Array,
  asked: Uint8Array | null,
  report: Report,
  work: Work,
): Promise<Walk> {
  const identity = referendumId(raw);
  report.referendum = hex(identity);
  if (asked !== null && !equal(identity, asked)) {
    report.breach(
      "V2",
      "entry 0",
      `this is referendum ${hex(identity)}, not the one asked for: compare the id with a letter`,
    );
    throw new Unreadable();
  }
  const manifest = readManifest(raw, report);
  report.manifest = manifest;
  if (!(await isLogSigned(stream.head, manifest, report))) throw new Unreadable();
  return new Walk(place, stream.tree, raw, manifest, identity, report, work);
}

function readManifest(raw: Uint8Array, report: Report): Manifest {
  try {
    return parseManifest(raw);
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    report.breach("V3", "entry 0", error.message);
    throw new Unreadable();
  }
}

async function conclude(walk: Walk, stream: LogStream): Promise<readonly [SignedRoots, Times | null]> {
  const { report, order, place, ballots } = walk;
  const { size } = stream.head;
  if (order.awaiting > 0) {
    const lacking = order.onPaper ? "the paper ballots" : `batch ${order.batches}`;
    report.breach("V9", HEAD, `the log ends in the middle of ${lacking}`);
  }
  if (!walk.required.has(size)) walk.required.set(size, "the head");
  const log = new CheckedLog(place, stream.tree, size);
  const roots = new SignedRoots(stream.tree, walk.starts, walk.ends);
  const outside = ballots === null ? [] : await chapter(report, "ballots", () => ballots.settle());
  const times = await chapter(report, "checkpoints", () => concludeCheckpoints(walk, stream, roots));
  if (ballots !== null && outside !== null && times !== null)
    await chapter(report, "tally", () => concludeBallots(walk, ballots, log, outside, roots, times));
  await chapter(report, "ceremony", async () => walk.ceremony.settle());
  await chapter(report, "figures", async () => noteFigures(walk, stream));
  const { manifest, documents } = walk;
  const published = { manifest, phase: order.phase, closed: walk.closed !== null, documents };
  await chapter(report, "files", () => checkFiles(place, log, published, report));
  return [roots, times];
}

function verifiedLog(walk: Walk, roots: SignedRoots, times: Times): VerifiedLog {
  const { manifest, referendum, order, messages, tally } = walk;
  const { sums, ...state } = tally.state(roots, times.get(tally.decided) ?? null);
  const { phase, attempt } = order;
  const { counted } = walk.report.figures;
  return { manifest, referendum, phase, messages, ...walk.ceremony.rootsOf(attempt), sums, counted, tally: state };
}

/** Null when it could not be carried out, which the report then says; no other chapter is hidden by it. */
async function chapter<T>(report: Report, name: string, run: () => Promise<T>): Promise<T | null> {
  try {
    return await run();
  } catch (error) {
    report.unchecked(name, error instanceof CannotRead ? error.message : unfinished("this part", error));
    return null;
  }
}

async function concludeCheckpoints(walk: Walk, stream: LogStream, roots: SignedRoots): Promise<Times> {
  const check = new CheckpointCheck(walk.place, walk.manifest, walk.report, roots);
  await check.checkVkey();
  walk.report.figures.time = await check.checkHead(stream.head);
  const times = await check.checkSeries(walk.required, stream.head.size);
  check.checkWindow(times, walk.opened, walk.closed, walk.batchEnds);
  const [first] = walk.tally.intents;
  check.checkPatience(times, walk.tally.decided, walk.abandoned, first === undefined ? null : first[0] + 1);
  check.checkBatches(times, walk.batchEnds, walk.ballots?.newTokens ?? new Map());
  return times;
}

async function concludeBallots(
  walk: Walk,
  ballots: BallotChecker,
  log: CheckedLog,
  outside: readonly number[],
  roots: SignedRoots,
  times: Times,
): Promise<void> {
  const online = await ballots.totals(log, outside);
  const { report, electionKey } = walk;
  report.figures.counted = ballots.counted;
  checkFinalCounts(walk);
  checkRunningCounts(walk, ballots);
  if (walk.closed === null) return;
  const onPaper = walk.paper?.finish() ?? [];
  const sums = online.map((pair, k) => {
    const other = onPaper[k];
    return other === undefined ? pair : addPairs(pair, other);
  });
  const keys = (electionKey?.body.verification_keys ?? []).map((key) => pointFrom(fromHex(key)));
  const parts = onPaper.length > 0 ? [online, onPaper] : [];
  walk.tally.conclude({ sums, parts, tokens: ballots.counted, keys }, roots, new Set(times.keys()));
}

function checkFinalCounts({ report, closed, roll }: Walk): void {
  const { figures } = report;
  for (const [k, issued] of figures.issued.entries())
    if (figures.counted > issued)
      report.breach("V22", "the close", `${figures.counted} tokens were used and registrar ${k + 1} issued ${issued}`);
  if (closed === null) return;
  figures.acknowledged = roll.acknowledged;
  figures.onEveryList = roll.onEveryList;
  if (figures.counted > figures.onEveryList && figures.issued.length > 1)
    report.stands(
      "V22",
      "the close",
      `${figures.counted} tokens were used, and ${figures.onEveryList} voters asked every registrar`,
    );
}

function checkRunningCounts({ report, roll }: Walk, ballots: BallotChecker): void {
  const news = ballots.newTokens;
  const used = (batch: number): number =>
    [...news].filter(([number]) => number <= batch).reduce((total, [, count]) => total + count, 0);
  for (const [batch, counts] of roll.countsAt)
    for (const [k, count] of counts.entries())
      if (used(batch) > count)
        report.stands(
          "V22",
          `batch ${batch}`,
          `${used(batch)} tokens were used by batch ${batch} and registrar ${k + 1} had issued ${count}`,
        );
}

function noteFigures({ report, order, ceremony }: Walk, stream: LogStream): void {
  const { figures } = report;
  figures.entries = stream.head.size;
  figures.root = hex(stream.tree.root());
  figures.phase = order.phase;
  figures.attempts = order.attempt;
  figures.drilledAgain = ceremony.drilledAgain;
  figures.batches = order.batches;
  report.finished = ["tallied", "cancelled", "abandoned"].includes(order.phase);
  report.cancelled = order.phase === "cancelled";
  report.abandoned = order.phase === "abandoned";
}

// Chapter 5, the series of checkpoints: signatures, quorum, times (V4, V6, V7, V14, V15).
//
// A checkpoint's time is its quorum-th earliest cosignature, the only time there is; it is never compared with this
// device's clock.

import { base64, concat, equal, fromHex, hex, utf8 } from "../core/bytes.ts";
import type { Manifest } from "../core/manifest.ts";
import { checkLogSignature, cosignatures, parseCheckpoint, type Checkpoint } from "../core/note.ts";
import { sha256 } from "@noble/hashes/sha2.js";
import { PlaceError, read, type Place } from "./place.ts";
import type { Report } from "./report.ts";
import { closesAt, healingEnd, lastOfVoting, opensAt } from "./rules.ts";
import { CHECKPOINT_BYTES } from "./stream.ts";
import { HEAD, checkpointPath, parseCheckpointPath } from "./tiles.ts";
import type { SignedRoots } from "./tree.ts";

const CHECKPOINTS = 100_000;
const VKEY_BYTES = 1024;
const ABANDON_SECONDS = 14 * 86_400;

export type Times = ReadonlyMap<number, number>;

/** The checkpoint that the log signed, or the check that it fails and why. */
type Found = Checkpoint | { readonly check: "V4" | "V6"; readonly problem: string };

/** Whether the head carries its log's signature, by the manifest's key (V4). */
export async function isLogSigned(head: Checkpoint, manifest: Manifest, report: Report): Promise<boolean> {
  try {
    await checkLogSignature(manifest, head);
    return true;
  } catch (error) {
    report.breach("V4", HEAD, error instanceof Error ? error.message : String(error));
    return false;
  }
}

export class CheckpointCheck {
  constructor(
    private readonly place: Place,
    private readonly manifest: Manifest,
    private readonly report: Report,
    private readonly roots: SignedRoots,
  ) {}

  async checkVkey(): Promise<void> {
    const { origin, key } = this.manifest.log;
    const public_ = concat(Uint8Array.of(1), fromHex(key));
    const id = sha256(concat(utf8(`${origin}\n`), public_)).slice(0, 4);
    try {
      const data = await read(this.place, "log.vkey", VKEY_BYTES);
      if (!equal(data, utf8(`${origin}+${hex(id)}+${base64(public_)}\n`)))
        this.report.breach("V4", "log.vkey", "not the log key of the manifest");
    } catch (error) {
      if (!(error instanceof PlaceError)) throw error;
      this.report.breach("V1", "log.vkey", error.message);
    }
  }

  /** The file `checkpoint`, whose log signature was checked before, is cosigned by a quorum. Returns its time. */
  checkHead(head: Checkpoint): Promise<number | null> {
    return this.quorum(HEAD, head, true);
  }

  /** All listed and all required checkpoints up to the size `head`. `required` says for each size what it covers; what
   * begins with `batch` does not shake the result. Returns the times by size. */
  async checkSeries(required: ReadonlyMap<number, string>, head: number): Promise<Times> {
    const sizes = new Set(required.keys());
    for (const path of this.place.paths() ?? []) {
      const size = parseCheckpointPath(path);
      if (size !== null) sizes.add(size);
    }
    for (const size of [...sizes].filter((one) => one > head)) {
      if (!(await this.isSigned(size))) continue;
      this.report.passedOver("V6", checkpointPath(size), "newer than the head, and not looked at");
      sizes.delete(size);
    }
    if (sizes.size > CHECKPOINTS) this.report.breach("V6", "checkpoints/", `more than ${CHECKPOINTS} checkpoints`);
    const times = new Map<number, number>();
    for (const size of [...sizes].sort((a, b) => a - b).slice(0, CHECKPOINTS)) {
      const time = await this.checkOne(size, required.get(size));
      if (time !== null) times.set(size, time);
    }
    let previous = 0;
    for (const [size, time] of times) {
      if (time < previous)
        this.report.stands("V7", checkpointPath(size), "its time lies before that of a smaller checkpoint");
      previous = Math.max(previous, time);
    }
    return times;
  }

  private async isSigned(size: number): Promise<boolean> {
    const found = await this.read(size);
    return !("check" in found) && found.size === size;
  }

  private async checkOne(size: number, covers: string | undefined): Promise<number | null> {
    const path = checkpointPath(size);
    const found = await this.read(size);
    if ("check" in found) {
      const what = covers === undefined ? "this checkpoint" : `the checkpoint of ${covers}`;
      const told = found.check === "V6" ? `${what} is missing or unreadable: ${found.problem}` : found.problem;
      this.report.breach(found.check, path, told);
      return null;
    }
    if (found.size !== size || this.roots.get(size) !== hex(found.root)) {
      this.report.breach("V6", path, "a signed checkpoint that contradicts the log: a fork, or a torn batch");
      return null;
    }
    return this.quorum(path, found, covers !== undefined && !covers.startsWith("batch"));
  }

  private async read(size: number): Promise<Found> {
    try {
      const checkpoint = parseCheckpoint(await read(this.place, checkpointPath(size), CHECKPOINT_BYTES));
      await checkLogSignature(this.manifest, checkpoint);
      return checkpoint;
    } catch (error) {
      if (error instanceof PlaceError) return { check: "V6", problem: error.message };
      if (error instanceof Error && error.name === "ClientError") return { check: "V4", problem: error.message };
      throw error;
    }
  }

  private async quorum(path: string, checkpoint: Checkpoint, required: boolean): Promise<number | null> {
    const { quorum } = this.manifest.witnesses;
    const { times, problems } = await cosignatures(this.manifest, checkpoint);
    for (const problem of problems) this.report.stands("V7", path, problem);
    const time = [...times.values()].sort((a, b) => a - b)[quorum - 1] ?? null;
    if (time === null) {
      const told = `${times.size} witnesses cosigned where ${quorum} must`;
      if (required) this.report.breach("V7", path, told);
      else this.report.stands("V7", path, told);
    }
    return time;
  }

  /** `opened` and `closed` are the sizes right after those entries, `ends[i]` that after batch i+1 (V14). */
  checkWindow(times: Times, opened: number | null, closed: number | null, ends: readonly number[]): void {
    const [start, end] = [opensAt(this.manifest), closesAt(this.manifest)];
    const openedAt = opened === null ? undefined : times.get(opened);
    if (opened !== null && openedAt !== undefined && !(start <= openedAt && openedAt < end))
      this.report.breach("V14", checkpointPath(opened), "voting was opened outside the manifest's times");
    const closedAt = closed === null ? undefined : times.get(closed);
    if (closed === null || closedAt === undefined) return;
    const path = checkpointPath(closed);
    if (closedAt < end + this.manifest.grace_seconds)
      this.report.breach("V14", path, "voting was closed before the manifest's time");
    else if (
      closedAt <
      healingEnd(
        this.manifest,
        ends.map((size) => times.get(size)),
      )
    )
      this.report.stands(
        "V14",
        path,
        "closed before the time was over in which missing ballots can be handed in again",
      );
  }

  /** `decided` is the size of the tree that trustees count, `abandoned` that right after the entry which ends the referendum
   * without a result, `announced` that after the first intent (V14). */
  checkPatience(times: Times, decided: number, abandoned: number | null, announced: number | null): void {
    const counted = times.get(decided);
    const since = (size: number | null): number | null => {
      const time = size === null ? undefined : times.get(size);
      return time === undefined || counted === undefined ? null : time - counted;
    };
    const [end, intent] = [since(abandoned), since(announced)];
    const { complaint_seconds: complaints } = this.manifest;
    if (end !== null && end < complaints + ABANDON_SECONDS)
      this.report.breach("V14", checkpointPath(abandoned ?? 0), "ended before trustees had 14 days to count");
    if (intent !== null && intent < complaints)
      this.report.stands(
        "V14",
        checkpointPath(announced ?? 0),
        "a trustee announced the count before the time for complaints was over",
      );
  }

  /** `ends[i]` is the size after batch i+1; `tokens` how many of its tokens are in no earlier one (V15). */
  checkBatches(times: Times, ends: readonly number[], tokens: ReadonlyMap<number, number>): void {
    const { batching: rules } = this.manifest;
    const closes = closesAt(this.manifest);
    const timeOf = (number: number): number | undefined => times.get(ends[number - 1] ?? 0);
    const late = [...ends.keys()].map((k) => k + 1).filter((number) => (timeOf(number) ?? 0) >= closes);
    const most = rules.healing_seconds > 0 ? 2 : 1;
    const allowed = late.slice(-most);
    const isFirst =
      lastOfVoting(
        this.manifest,
        allowed.map((number) => timeOf(number) ?? 0),
      ) !== null;
    const [last, again] = isFirst ? [allowed[0] ?? 0, allowed.slice(1)] : [0, allowed.slice(-1)];
    let previous: number | null = null;
    for (const [k, size] of ends.entries()) {
      const [number, path, time] = [k + 1, checkpointPath(size), times.get(size)];
      const alone = number === last && (number === 1 || rules.minimum_tokens <= 1);
      const say = (problem: string): void => this.report.stands("V15", path, `batch ${number} ${problem}`);
      if ((tokens.get(number) ?? 0) < rules.minimum_tokens && !alone && !again.includes(number))
        say(`holds fewer than ${rules.minimum_tokens} new tokens`);
      if (time === undefined) continue;
      const after = number === last || again.includes(number);
      if (previous !== null && time - previous < rules.minimum_seconds && !after)
        say(`follows within ${rules.minimum_seconds} seconds`);
      if (closes - rules.quiet_seconds <= time && time < closes) say("falls into the quiet time before the close");
      if (time >= closes && (!after || number <= ends.length - most))
        say("came after the close and is not the last one");
      previous = time;
    }
  }
}

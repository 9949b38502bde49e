// Chapter 1, the log as a tree: checkpoint, tiles, entries (V1, V4, V5).
//
// Reads the bundle once, front to back; a tile's hashes are compared with what the entries hash to, level by level.
// Leaves the meaning of entries to the next chapters.

import { equal, utf8 } from "../core/bytes.ts";
import { hashRoot, leafHash } from "../core/merkle.ts";
import { parseCheckpoint, type Checkpoint } from "../core/note.ts";
import { CannotRead, FileMissing, PlaceError, RecordInvalid, read, type Place } from "./place.ts";
import type { Report } from "./report.ts";
import { HEAD, WIDTH, readTile, tilePath, type Tile } from "./tiles.ts";
import { Tree } from "./tree.ts";

export const CHECKPOINT_BYTES = 256 * 1024;
const ENTRIES = 100_000_000;

/** The log cannot be read far enough to go on; the fault is in the report already. */
export class Unreadable extends Error {}

/** Throws Unreadable, or CannotRead where there is no log at all. */
export async function readHead(place: Place, report: Report): Promise<Checkpoint> {
  let raw: Uint8Array;
  try {
    raw = await read(place, HEAD, CHECKPOINT_BYTES);
  } catch (error) {
    if (error instanceof FileMissing) throw new CannotRead(`no log is published there: ${error.message}`);
    if (!(error instanceof PlaceError)) throw error;
    report.breach("V1", HEAD, error.message);
    throw new Unreadable();
  }
  if (!isNote(raw)) throw new CannotRead("no log is published there: what the file checkpoint holds is no signed note");
  let head: Checkpoint;
  try {
    head = parseCheckpoint(raw);
  } catch (error) {
    report.breach("V4", HEAD, String(error instanceof Error ? error.message : error));
    throw new Unreadable();
  }
  if (head.size <= 0 || head.size > ENTRIES) {
    report.breach("V5", HEAD, `a log of ${head.size} entries`);
    throw new Unreadable();
  }
  return head;
}

const MARK = utf8("\n\n— "); // before the signatures

/** Whether these bytes are a signed note at all, sound or not. */
function isNote(data: Uint8Array): boolean {
  // As bytes, since what is no UTF-8 can be a damaged note.
  return data.some((_, at) => MARK.every((byte, k) => data[at + k] === byte));
}

export class LogStream {
  readonly tree = new Tree();
  private readonly pending: Uint8Array[][] = [[]];
  private readonly done: number[] = [0];

  constructor(
    private readonly place: Place,
    private readonly report: Report,
    readonly head: Checkpoint,
  ) {}

  /** [index, entry] in log order. Throws Unreadable, CannotRead. */
  async *entries(): AsyncGenerator<readonly [number, Uint8Array]> {
    const { size } = this.head;
    for (let number = 0; number * WIDTH < size; number++) {
      const width = Math.min(WIDTH, size - number * WIDTH);
      const entries = await this.bundle(number, width);
      const leaves = entries.map(leafHash);
      await this.compare({ level: 0, number, width }, leaves);
      for (const [k, entry] of entries.entries()) {
        this.tree.append(leaves[k] ?? entry);
        yield [number * WIDTH + k, entry];
      }
      if (width === WIDTH) await this.carry(1, hashRoot(leaves));
    }
    for (const [level, hashes] of this.pending.entries())
      if (level > 0 && hashes.length > 0)
        await this.compare({ level, number: this.done[level] ?? 0, width: hashes.length }, hashes);
    if (!equal(this.tree.root(), this.head.root))
      this.report.breach("V5", HEAD, "the entries do not hash to the signed root");
  }

  private async bundle(number: number, width: number): Promise<Uint8Array[]> {
    const tile: Tile = { level: "entries", number, width };
    const entries = await this.items(tile);
    if (entries === null) throw new Unreadable();
    return entries;
  }

  /** Hands the hash of a full tile up to the next level. */
  private async carry(level: number, item: Uint8Array): Promise<void> {
    const hashes = this.pending[level] ?? [];
    this.pending[level] = hashes;
    this.done[level] ??= 0;
    hashes.push(item);
    if (hashes.length < WIDTH) return;
    await this.compare({ level, number: this.done[level] ?? 0, width: WIDTH }, hashes);
    this.done[level] = (this.done[level] ?? 0) + 1;
    this.pending[level] = [];
    await this.carry(level + 1, hashRoot(hashes));
  }

  private async compare(tile: Tile, hashes: readonly Uint8Array[]): Promise<void> {
    const stated = await this.items(tile);
    if (stated !== null && !stated.every((hash, k) => equal(hash, hashes[k] ?? new Uint8Array())))
      this.report.breach("V5", tilePath(tile), "the tile is not what its entries hash to");
  }

  /** Null when the file is not what it must be, which the report then says. */
  private async items(tile: Tile): Promise<Uint8Array[] | null> {
    try {
      return await readTile(this.place, tile);
    } catch (error) {
      if (error instanceof RecordInvalid) this.report.breach("V5", tilePath(tile), error.message);
      else if (!(error instanceof PlaceError)) throw error;
      else if (tile.level === "entries" && tile.number === 0 && error instanceof FileMissing)
        throw new CannotRead(`no log is published there: ${error.message}`);
      else {
        await this.demandSameHead();
        this.report.breach("V1", tilePath(tile), error.message);
      }
      return null;
    }
  }

  /** A file of this head may have gone because the log has outgrown it meanwhile. */
  private async demandSameHead(): Promise<void> {
    const now = await read(this.place, HEAD, CHECKPOINT_BYTES).catch(() => new Uint8Array());
    if (!equal(now, this.head.raw)) throw new CannotRead("the log grew while it was read; do the same again");
  }
}

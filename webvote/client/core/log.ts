// Reads a published log by position: entries and subtree hashes, from C2SP tlog-tiles.
//
// Decides paths of files, and with a root checks every bundle of entries against it. Leaves to its callers which root
// is right, and, where they give none, the check of each entry.

import { equal } from "./bytes.ts";
import { ClientError } from "./errors.ts";
import { hashRoot, inclusionProof, leafHash, nodeHash, rootFromProof, splitOf } from "./merkle.ts";

/** Reads one published file, by its path in the bundle. */
export type ReadLogFile = (path: string) => Promise<Uint8Array>;

export const WIDTH = 256;

function numberPath(number: number): string {
  const digits = (value: number): string => String(value % 1000).padStart(3, "0");
  let path = digits(number);
  for (let rest = Math.floor(number / 1000); rest > 0; rest = Math.floor(rest / 1000))
    path = `x${digits(rest)}/${path}`;
  return path;
}

function tilePath(level: number | "entries", number: number, width: number): string {
  const path = `tile/${level}/${numberPath(number)}`;
  return width === WIDTH ? path : `${path}.p/${width}`;
}

function parseBundle(data: Uint8Array, width: number): Uint8Array[] {
  const entries: Uint8Array[] = [];
  for (let position = 0; position < data.length; ) {
    const start = position + 2;
    if (start > data.length) throw new ClientError("setup-log");
    const end = start + 256 * (data[position] ?? 0) + (data[position + 1] ?? 0);
    if (end > data.length) throw new ClientError("setup-log");
    entries.push(data.subarray(start, end));
    position = end;
  }
  if (entries.length !== width) throw new ClientError("setup-log");
  return entries;
}

export class LogReader {
  private readonly bundles = new Map<number, Promise<Uint8Array[]>>();
  private readonly tiles = new Map<string, Promise<Uint8Array[]>>();

  constructor(
    private readonly readFile: ReadLogFile,
    readonly size: number,
    private readonly root: Uint8Array | null = null,
  ) {}

  /** All entries of one bundle: the unit in which a log is fetched. */
  bundle(number: number): Promise<Uint8Array[]> {
    let found = this.bundles.get(number);
    if (found === undefined) {
      const width = Math.min(WIDTH, this.size - number * WIDTH);
      found = this.readFile(tilePath("entries", number, width)).then((data) =>
        this.check(number, parseBundle(data, width)),
      );
      this.bundles.set(number, found);
    }
    return found;
  }

  /** The entries are those of the tile, and one leaf's proof binds the whole tile to the root. */
  private async check(number: number, entries: Uint8Array[]): Promise<Uint8Array[]> {
    if (this.root === null) return entries;
    const leaves = await this.tile(0, number);
    const first = leaves[0] ?? this.root;
    const root = rootFromProof(first, number * WIDTH, this.size, await this.inclusion(number * WIDTH));
    const same = entries.every((entry, k) => equal(leafHash(entry), leaves[k] ?? entry));
    if (!same || !equal(root, this.root)) throw new ClientError("setup-log");
    return entries;
  }

  async entry(index: number): Promise<Uint8Array> {
    const entry = index < this.size ? (await this.bundle(Math.floor(index / WIDTH)))[index % WIDTH] : undefined;
    if (entry === undefined) throw new ClientError("setup-log");
    return entry;
  }

  private tile(level: number, number: number): Promise<Uint8Array[]> {
    const name = `${level}/${number}`;
    let found = this.tiles.get(name);
    if (found === undefined) {
      const width = Math.min(WIDTH, Math.floor(this.size / WIDTH ** level) - number * WIDTH);
      found = this.readFile(tilePath(level, number, width)).then((data) => {
        if (data.length !== 32 * width) throw new ClientError("setup-log");
        return Array.from({ length: width }, (_, k) => data.subarray(32 * k, 32 * k + 32));
      });
      this.tiles.set(name, found);
    }
    return found;
  }

  /** The hash over the leaves start..end-1 of a node of this tree. */
  async subtree(start: number, end: number): Promise<Uint8Array> {
    let level = 0;
    while (start % WIDTH ** (level + 1) === 0 && end % WIDTH ** (level + 1) === 0) level++;
    const unit = WIDTH ** level;
    const [first, last] = [start / unit, end / unit - 1];
    if (Number.isInteger(first) && Number.isInteger(last) && Math.floor(first / WIDTH) === Math.floor(last / WIDTH)) {
      const tile = await this.tile(level, Math.floor(first / WIDTH));
      return hashRoot(tile.slice(first % WIDTH, (first % WIDTH) + last - first + 1));
    }
    const middle = start + splitOf(end - start);
    return nodeHash(await this.subtree(start, middle), await this.subtree(middle, end));
  }

  inclusion(index: number): Promise<Uint8Array[]> {
    return inclusionProof(index, this.size, (start, end) => this.subtree(start, end));
  }
}

/** Runs `work` with the newest checkpoint; again with a newer one, when files of the old tree went meanwhile. */
export async function withLatestHead<T>(readFile: ReadLogFile, work: (head: Uint8Array) => Promise<T>): Promise<T> {
  for (let tries = 2; ; tries--) {
    const head = await readFile("checkpoint");
    try {
      return await work(head);
    } catch (error) {
      if (tries === 0 || equal(head, await readFile("checkpoint"))) throw error;
    }
  }
}

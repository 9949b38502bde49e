// The tree of a log that was read: RFC 6962, in memory that is 64 bytes an entry, whatever the entries are.
//
// Decides roots at every size, and that what is read again is what was hashed before. Leaves what entries mean to others.

import { equal, hex } from "../core/bytes.ts";
import { hashRoot, leafHash, nodeHash } from "../core/merkle.ts";
import { CannotRead, PlaceError, RecordInvalid, type Place } from "./place.ts";
import { WIDTH, readTile } from "./tiles.ts";

/** Hashes of 32 bytes, end to end. */
class Hashes {
  private data = new Uint8Array(1024 * 32);
  length = 0;

  push(hash: Uint8Array): void {
    if (32 * this.length === this.data.length) {
      const grown = new Uint8Array(2 * this.data.length);
      grown.set(this.data);
      this.data = grown;
    }
    this.data.set(hash, 32 * this.length++);
  }

  at(place: number): Uint8Array {
    return this.data.subarray(32 * place, 32 * place + 32);
  }
}

/** A growing tree; every complete subtree is hashed once. */
export class Tree {
  private readonly levels: Hashes[] = [new Hashes()];

  get size(): number {
    return this.levels[0]?.length ?? 0;
  }

  append(leaf: Uint8Array): void {
    let hash = leaf;
    for (let level = 0; ; level++) {
      const hashes = this.levels[level] ?? new Hashes();
      this.levels[level] = hashes;
      hashes.push(hash);
      if (hashes.length % 2 === 1) return;
      hash = nodeHash(hashes.at(hashes.length - 2), hashes.at(hashes.length - 1));
    }
  }

  leaf(index: number): Uint8Array {
    return this.levels[0]?.at(index) ?? new Uint8Array();
  }

  /** The root over the first `size` leaves. */
  root(size = this.size): Uint8Array {
    let root: Uint8Array | null = null;
    let end = size;
    for (let level = 0; end > 0; level++, end = Math.floor(end / 2)) {
      if (end % 2 === 0) continue;
      const peak = this.levels[level]?.at(end - 1) ?? new Uint8Array();
      root = root === null ? peak : nodeHash(peak, root);
    }
    return root === null ? hashRoot([]) : Uint8Array.from(root);
  }

  /** The hashes that a tile of this tree begins with. */
  tile(level: number, number: number, width: number): Uint8Array[] {
    const hashes = this.levels[8 * level];
    return Array.from({ length: width }, (_, k) => hashes?.at(number * WIDTH + k) ?? new Uint8Array());
  }
}

/** The entries of a log whose tree was read, once more. */
export class CheckedLog {
  private cached: { readonly number: number; readonly entries: Uint8Array[] } | null = null;

  constructor(
    private readonly place: Place,
    readonly tree: Tree,
    readonly size: number,
  ) {}

  /** Throws CannotRead when the entries are not those that were read before. */
  async bundle(number: number): Promise<Uint8Array[]> {
    if (this.cached?.number === number) return this.cached.entries;
    const width = Math.min(WIDTH, this.size - number * WIDTH);
    const entries = await this.again(number, width);
    if (!entries.every((entry, k) => equal(leafHash(entry), this.tree.leaf(number * WIDTH + k))))
      throw new CannotRead("the place gave other entries when it was read again; none of them was used");
    this.cached = { number, entries };
    return entries;
  }

  private async again(number: number, width: number): Promise<Uint8Array[]> {
    try {
      return await readTile(this.place, { level: "entries", number, width });
    } catch (error) {
      if (error instanceof PlaceError || error instanceof RecordInvalid)
        throw new CannotRead(`the place changed while it was read: ${error.message}`);
      throw error;
    }
  }

  async entry(index: number): Promise<Uint8Array> {
    return (await this.bundle(Math.floor(index / WIDTH)))[index % WIDTH] ?? new Uint8Array();
  }
}

/** The roots at the sizes at which a log may have been signed: all but those between ballots under one header, which would
 * show the order in which they arrived. */
export class SignedRoots {
  constructor(
    private readonly tree: Tree,
    private readonly starts: readonly number[],
    private readonly ends: readonly number[],
  ) {}

  /** In hexadecimal; null where the log may not have been signed. */
  get(size: number): string | null {
    if (size <= 0 || size > this.tree.size) return null;
    const batch = this.starts.filter((start) => start < size).length - 1;
    const end = this.ends[batch];
    const inside = batch >= 0 && end !== undefined && size < end;
    return inside ? null : hex(this.tree.root(size));
  }
}

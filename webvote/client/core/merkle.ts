// The log's Merkle tree: RFC 6962, section 2.1, over SHA-256.
//
// Decides how hashes become a root, and how a proof leads from an entry to a root. Leaves reading the hashes to `log`.

import { sha256 } from "@noble/hashes/sha2.js";
import { concat, type Bytes } from "./bytes.ts";
import { ClientError } from "./errors.ts";

export const leafHash = (data: Uint8Array): Bytes => sha256(concat(Uint8Array.of(0), data)) as Bytes;
export const nodeHash = (left: Uint8Array, right: Uint8Array): Bytes =>
  sha256(concat(Uint8Array.of(1), left, right)) as Bytes;

/** The root over leaf hashes, or over the hashes of complete subtrees of one height. */
export function hashRoot(hashes: readonly Uint8Array[]): Bytes {
  const [first] = hashes;
  if (first === undefined) return sha256(new Uint8Array()) as Bytes;
  if (hashes.length === 1) return Uint8Array.from(first);
  const split = splitOf(hashes.length);
  return nodeHash(hashRoot(hashes.slice(0, split)), hashRoot(hashes.slice(split)));
}

/** The largest power of two below `size`. */
export function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

/** The sibling hashes from leaf to root; `subtree(a, b)` gives the hash of the leaves a..b-1. */
export async function inclusionProof(
  index: number,
  size: number,
  subtree: (start: number, end: number) => Promise<Uint8Array>,
): Promise<Uint8Array[]> {
  const path: Uint8Array[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      path.push(await subtree(middle, end));
      end = middle;
    } else {
      path.push(await subtree(start, middle));
      start = middle;
    }
  }
  return path.reverse();
}

/** RFC 9162, section 2.1.3.2. Throws receipt-invalid for a proof of the wrong length. */
export function rootFromProof(leaf: Uint8Array, index: number, size: number, proof: readonly Uint8Array[]): Uint8Array {
  if (index < 0 || index >= size) throw new ClientError("receipt-invalid", "an entry outside the tree");
  let [position, last, result] = [index, size - 1, leaf];
  for (const sibling of proof) {
    if (last === 0) throw new ClientError("receipt-invalid", "a proof that is too long");
    if (position % 2 === 1 || position === last) {
      result = nodeHash(sibling, result);
      while (position % 2 === 0 && position !== 0) [position, last] = [position / 2, Math.floor(last / 2)];
    } else result = nodeHash(result, sibling);
    [position, last] = [Math.floor(position / 2), Math.floor(last / 2)];
  }
  if (last !== 0) throw new ClientError("receipt-invalid", "a proof that is too short");
  return result;
}

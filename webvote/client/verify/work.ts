// The heavy work of a verification, cut into chunks: here at once, or in workers by whoever gives another `Work`.
//
// Decides what a chunk is, as plain values that cross to a worker. Leaves what follows from its result to the chapters.

import { concat } from "../core/bytes.ts";
import { contextOf, type BallotContext } from "../core/context.ts";
import { pointFrom } from "../core/group.ts";
import { parseManifest, referendumId } from "../core/manifest.ts";
import { checkChunk, type ChunkResult } from "./chunk.ts";
import { parseEntry } from "./entries.ts";
import type { Issued } from "./lists.ts";
import { isSignedByLetter } from "./signatures.ts";

/** A ballot and its index in the log. */
export type Placed = readonly [number, Uint8Array];

export interface Work {
  /** `sources` are the raw manifest and election-key entries, from which a worker makes the context. */
  ballots(context: BallotContext, sources: readonly Uint8Array[], ballots: readonly Placed[]): Promise<ChunkResult>;
  /** The places of the lines that their letters did not sign. */
  letters(referendum: Uint8Array, registrar: number, lines: readonly Issued[]): Promise<readonly number[]>;
  /** The place of the first one that is no key of a letter; -1 if there is none. */
  keys(keys: readonly Uint8Array[]): Promise<number>;
}

export function checkLetters(referendum: Uint8Array, registrar: number, lines: readonly Issued[]): number[] {
  return [...lines.keys()].filter((k) => {
    const line = lines[k];
    return line === undefined || !isSignedByLetter(referendum, registrar, line);
  });
}

export function firstBadKey(keys: readonly Uint8Array[]): number {
  return keys.findIndex((key) => {
    try {
      pointFrom(concat(Uint8Array.of(2), key));
      return false;
    } catch {
      return true;
    }
  });
}

/** In this thread. */
export const atOnce: Work = {
  ballots: (context, _, ballots) => checkChunk(context, ballots),
  letters: async (referendum, registrar, lines) => checkLetters(referendum, registrar, lines),
  keys: async (keys) => firstBadKey(keys),
};

export type Task =
  | { readonly kind: "ballots"; readonly sources: readonly Uint8Array[]; readonly ballots: readonly Placed[] }
  | {
      readonly kind: "letters";
      readonly referendum: Uint8Array;
      readonly registrar: number;
      readonly lines: readonly Issued[];
    }
  | { readonly kind: "keys"; readonly keys: readonly Uint8Array[] };

let known: BallotContext | null = null;

/** In a worker, which sees one referendum only. */
export async function carryOut(task: Task): Promise<unknown> {
  switch (task.kind) {
    case "letters":
      return checkLetters(task.referendum, task.registrar, task.lines);
    case "keys":
      return firstBadKey(task.keys);
    default:
      known ??= makeContext(task.sources);
      return checkChunk(known, task.ballots);
  }
}

function makeContext([manifest = new Uint8Array(), raw = new Uint8Array()]: readonly Uint8Array[]): BallotContext {
  const entry = parseEntry(raw);
  if (entry.type !== "election-key") throw new Error("no election key");
  return contextOf(parseManifest(manifest), referendumId(manifest), raw, entry.body.joint_key);
}

// The heavy work of a verification, cut into chunks: here at once, or in workers by whoever gives another `Work`.

import type { BallotContext } from "../core/context.ts";
import { checkChunk, type ChunkResult } from "./chunk.ts";
import type { Issued } from "./lists.ts";
import { isSignedByLetter } from "./signatures.ts";

/** A ballot and its index in the log. */
export type Placed = readonly [number, Uint8Array];

export interface Work {
  /** `sources` are the raw manifest and election-key entries, from which a worker makes the context. */
  ballots(context: BallotContext, sources: readonly Uint8Array[], ballots: readonly Placed[]): Promise<ChunkResult>;
  /** The places of the lines that their letters did not sign. */
  letters(referendum: Uint8Array, registrar: number, lines: readonly Issued[]): Promise<readonly number[]>;
}

export function checkLetters(referendum: Uint8Array, registrar: number, lines: readonly Issued[]): number[] {
  return [...lines.keys()].filter((k) => {
    const line = lines[k];
    return line === undefined || !isSignedByLetter(referendum, registrar, line);
  });
}

/** In this thread. */
export const atOnce: Work = {
  ballots: (context, _, ballots) => checkChunk(context, ballots),
  letters: async (referendum, registrar, lines) => checkLetters(referendum, registrar, lines),
};

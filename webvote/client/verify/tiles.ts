// C2SP tlog-tiles: which files a log of a given size consists of, what they are called, and how entries are framed.

import { RecordInvalid, FileMissing, missing, read, type Place } from "./place.ts";

export const WIDTH = 256;
export const HEAD = "checkpoint";
const TILE_BYTES = WIDTH * 32;
const BUNDLE_BYTES = WIDTH * (65_535 + 2);

export type Level = number | "entries";

export interface Tile {
  readonly level: Level;
  readonly number: number;
  readonly width: number;
}

export const checkpointPath = (size: number): string => `checkpoints/${size}`;

/** The size that a path names; null when it names none. */
export function parseCheckpointPath(path: string): number | null {
  const match = /^checkpoints\/([1-9][0-9]{0,14})$/.exec(path);
  return match === null ? null : Number(match[1]);
}

function numberPath(number: number): string {
  const digits = (value: number): string => String(value % 1000).padStart(3, "0");
  let path = digits(number);
  for (let rest = Math.floor(number / 1000); rest > 0; rest = Math.floor(rest / 1000))
    path = `x${digits(rest)}/${path}`;
  return path;
}

export function tilePath({ level, number, width }: Tile): string {
  const path = `tile/${level}/${numberPath(number)}`;
  return width === WIDTH ? path : `${path}.p/${width}`;
}

export function parseTilePath(path: string): Tile | null {
  const match = /^tile\/(0|[1-9]|entries)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/.exec(path);
  const [, level = "", numbers = "", width = String(WIDTH)] = match ?? [];
  if (match === null || numbers.length > 23) return null;
  const number = Number(numbers.replace(/[x/]/g, ""));
  const tile = { level: level === "entries" ? level : Number(level), number, width: Number(width) } as const;
  return tilePath(tile) === path ? tile : null;
}

/** How wide that tile or bundle is in a log of `size` entries; 0 when it has none. */
export function tileWidth(level: Level, number: number, size: number): number {
  const items = level === "entries" ? size : Math.floor(size / WIDTH ** level);
  return Math.max(0, Math.min(WIDTH, items - number * WIDTH));
}

/** Every tile file of a log of `size` entries. */
export function* logTiles(size: number): Generator<Tile> {
  const widths = function* (level: Level, items: number): Generator<Tile> {
    for (let number = 0; number * WIDTH < items; number++)
      yield { level, number, width: Math.min(WIDTH, items - number * WIDTH) };
  };
  for (let [level, items] = [0, size]; items > 0; [level, items] = [level + 1, Math.floor(items / WIDTH)])
    yield* widths(level, items);
  yield* widths("entries", size);
}

/** Exactly `width` entries. Throws RecordInvalid. */
export function parseBundle(data: Uint8Array, width: number): Uint8Array[] {
  const entries: Uint8Array[] = [];
  for (let position = 0; position < data.length; ) {
    const start = position + 2;
    const end = start + 256 * (data[position] ?? 0) + (data[position + 1] ?? 0);
    if (start > data.length || end > data.length)
      throw new RecordInvalid("an entry bundle ends in the middle of an entry");
    entries.push(data.slice(start, end));
    position = end;
  }
  if (entries.length !== width)
    throw new RecordInvalid(`an entry bundle holds ${entries.length} entries, not ${width}`);
  return entries;
}

/** Throws RecordInvalid. */
export function parseTile(data: Uint8Array, width: number): Uint8Array[] {
  if (data.length !== 32 * width)
    throw new RecordInvalid(`a tile of ${width} hashes is ${32 * width} bytes, not ${data.length}`);
  return Array.from({ length: width }, (_, k) => data.slice(32 * k, 32 * k + 32));
}

/** The items of a tile: of the partial one, or the beginning of the full one that has outgrown it. Throws PlaceError,
 * CannotRead or RecordInvalid. */
export async function readTile(place: Place, tile: Tile): Promise<Uint8Array[]> {
  const { level, number, width } = tile;
  const parse = level === "entries" ? parseBundle : parseTile;
  const limit = level === "entries" ? BUNDLE_BYTES : TILE_BYTES;
  try {
    return parse(await read(place, tilePath(tile), limit), width);
  } catch (error) {
    if (!(error instanceof FileMissing) || width === WIDTH) throw error;
  }
  try {
    return parse(await read(place, tilePath({ level, number, width: WIDTH }), limit), WIDTH).slice(0, width);
  } catch (error) {
    throw error instanceof FileMissing ? missing(tilePath(tile)) : error;
  }
}

/** A file of just this name, whatever else the log has. Throws as `readTile` does. */
export async function readTileFile(place: Place, tile: Tile): Promise<Uint8Array[]> {
  const entries = tile.level === "entries";
  const data = await read(place, tilePath(tile), entries ? BUNDLE_BYTES : TILE_BYTES);
  return entries ? parseBundle(data, tile.width) : parseTile(data, tile.width);
}

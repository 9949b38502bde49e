// Where a bundle is read from: memory here; a zip file and an address in modules of their own.
//
// Decides bounded reading and listing. A file that is missing or too long is a PlaceError; a place that cannot be read
// throws CannotRead, which is no finding about the log.

import { byCodePoints } from "../core/bytes.ts";

/** A published file is not what the bundle needs; the place itself did answer. */
export class PlaceError extends Error {}
export class FileMissing extends PlaceError {}
/** The place did not answer, or not with whole files. Says nothing about the log. */
export class CannotRead extends Error {}
/** A record has another form than its one valid one. */
export class RecordInvalid extends Error {}

export interface Place {
  /** The file, or its first `most` bytes. Throws FileMissing or CannotRead. */
  begin(path: string, most: number): Promise<Uint8Array>;
  /** Every file, sorted; null where a place cannot tell. */
  paths(): readonly string[] | null;
}

/** The whole file, of at most `limit` bytes. Throws FileMissing, PlaceError or CannotRead. */
export async function read(place: Place, path: string, limit: number): Promise<Uint8Array> {
  const data = await place.begin(path, limit + 1);
  if (data.length > limit) throw tooLong(path, limit);
  return data;
}

export function tooLong(path: string, limit: number): PlaceError {
  return new PlaceError(`${path} is longer than its bound of ${limit} bytes`);
}

export function missing(path: string): FileMissing {
  return new FileMissing(`${path} is missing`);
}

export class MemoryPlace implements Place {
  constructor(private readonly files: ReadonlyMap<string, Uint8Array>) {}

  async begin(path: string, most: number): Promise<Uint8Array> {
    const data = this.files.get(path);
    if (data === undefined) throw missing(path);
    return data.subarray(0, most);
  }

  paths(): readonly string[] {
    return [...this.files.keys()].sort(byCodePoints);
  }
}

const LITTER = [".DS_Store", "Thumbs.db", "desktop.ini"];

/** What file managers leave in folders and zip files; it is named, and changes nothing. */
export function isLitter(path: string): boolean {
  return path.startsWith("__MACOSX/") || LITTER.includes(path.slice(path.lastIndexOf("/") + 1));
}

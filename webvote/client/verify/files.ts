// Which files a bundle may hold (V1), and that tiles of other sizes agree with the log (V5).
//
// Beside the files of the head there may be partial tiles that the log has outgrown and files of an append that is not
// published yet; what they state of this log must be the same. Any other file is named; no result depends on it.

import { equal } from "../core/bytes.ts";
import type { Manifest } from "../core/manifest.ts";
import { CREDENTIALS, SPARES, issuancePath, struckPath } from "./lists.ts";
import type { Phase } from "./order.ts";
import { FileMissing, PlaceError, RecordInvalid, isLitter, type Place } from "./place.ts";
import type { Report } from "./report.ts";
import {
  HEAD,
  logTiles,
  parseCheckpointPath,
  parseTilePath,
  readTileFile,
  tilePath,
  tileWidth,
  type Tile,
} from "./tiles.ts";
import type { CheckedLog } from "./tree.ts";

const SHOWN = 200;
export const DOCUMENTS = "documents/";

export interface Published {
  readonly manifest: Manifest;
  readonly phase: Phase;
  readonly closed: boolean;
  readonly documents: ReadonlySet<string>;
}

export async function checkFiles(place: Place, log: CheckedLog, published: Published, report: Report): Promise<void> {
  const expected = expectedFiles(log.size, published);
  for (const path of place.paths() ?? []) {
    // What was to be said of a checkpoint was said with the series.
    if (expected.has(path) || parseCheckpointPath(path) !== null) continue;
    const tile = parseTilePath(path);
    if (tile !== null) await compareTile(place, log, tile, report);
    else if (isStaged(path)) continue;
    else if (isLitter(path)) report.passedOver("V1", path.slice(0, SHOWN), "left behind by a file manager; delete it");
    else report.stands("V1", path.slice(0, SHOWN), "a file that does not belong to the bundle");
  }
}

/** Being written, or its writing was cut off. */
function isStaged(path: string): boolean {
  return /^\.[^\n]+\.[0-9a-f]{8}\.new$/.test(path.slice(path.lastIndexOf("/") + 1));
}

function expectedFiles(size: number, { manifest, phase, closed, documents }: Published): Set<string> {
  const files = [HEAD, "log.vkey", ...[...documents].map((name) => DOCUMENTS + name)];
  for (const tile of logTiles(size)) files.push(tilePath(tile));
  if (!["empty", "ceremony", "keyed"].includes(phase)) files.push(CREDENTIALS, SPARES);
  if (closed) files.push(...manifest.registrars.flatMap((_, k) => [issuancePath(k + 1), struckPath(k + 1)]));
  return new Set(files);
}

async function compareTile(place: Place, log: CheckedLog, tile: Tile, report: Report): Promise<void> {
  const { level, number, width } = tile;
  const common = Math.min(width, tileWidth(level, number, log.size));
  if (common === 0) return;
  const path = tilePath(tile);
  let found: Uint8Array[];
  try {
    found = await readTileFile(place, tile);
  } catch (error) {
    if (error instanceof FileMissing) return;
    if (!(error instanceof PlaceError || error instanceof RecordInvalid)) throw error;
    return report.stands("V1", path, `a tile of another size that cannot be read: ${error.message}`);
  }
  const ours = level === "entries" ? await log.bundle(number) : log.tree.tile(level, number, common);
  if (found.slice(0, common).some((item, k) => !equal(item, ours[k] ?? new Uint8Array())))
    report.breach("V5", path, "a tile of another size contradicts this log");
}

// The second verifier at a terminal, for tests against the Python one: a JSON request a line in, a report a line out.
//
// A request names a zip file and a referendum id, or null. Leaves everything else to `verify`.

import "../page/mldsa.ts";
import { fromHex } from "../core/bytes.ts";
import { verify } from "../verify/engine.ts";
import { CannotRead } from "../verify/place.ts";
import { Report } from "../verify/report.ts";
import { ZipPlace, type Slices } from "../verify/zip.ts";
import { answerEach, files } from "./terminal.ts";

interface Request {
  readonly zip: string;
  readonly referendum: string | null;
}

async function report({ zip, referendum }: Request): Promise<Report> {
  const data = new Uint8Array(await files.readFile(zip));
  const slices: Slices = { size: data.length, slice: async (start, end) => data.slice(start, end) };
  try {
    return await verify(await ZipPlace.open(slices), referendum === null ? null : fromHex(referendum));
  } catch (error) {
    if (!(error instanceof CannotRead)) throw error;
    const failed = new Report();
    failed.anchored = referendum !== null;
    failed.unchecked("place", error.message);
    return failed;
  }
}

async function answer(line: string): Promise<unknown> {
  const found = await report(JSON.parse(line) as Request);
  const { faults, figures, result, kinds, outcome } = found;
  return { status: outcome.status, faults, figures, result, kinds: Object.fromEntries(kinds) };
}

await answerEach(answer);

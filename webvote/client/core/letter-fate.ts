// What the published lists say of one letter: whether somebody asked for a token with it.
//
// Decides it from a head that a quorum has cosigned: each list must have the length and the root that the log states. All
// lists are read whole and searched here, so no request says which letter is meant. Whether a token was used, no list
// says, unless its device acknowledged that.

import { equal, fromHex, fromUtf8, type Bytes } from "./bytes.ts";
import { checkSignatures, entryType, parseEntry, type Body } from "./entries.ts";
import { ClientError, withErrorCode } from "./errors.ts";
import { walkBatches, witnessedLog } from "./find-ballot.ts";
import { withLatestHead, type LogReader, type ReadLogFile } from "./log.ts";
import { hashRoot, leafHash } from "./merkle.ts";
import type { Setup } from "./setup.ts";

/** `open`: voting is not closed, so no list is published. `asked`, `acknowledged` and `struck` count registrars. */
export type LetterFate =
  | { readonly state: "open" | "cancelled" | "unknown" }
  | { readonly state: "closed"; readonly asked: number; readonly acknowledged: number; readonly struck: number };

type Close = Body<"close">;
type Roll = Body<"roll">;

/** What became of the letter with this credential; of none, whether the lists are published at all. Throws setup-log for
 * lists that are not those of the log. */
export function findLetter(readFile: ReadLogFile, setup: Setup, credential: Uint8Array | null): Promise<LetterFate> {
  return withLatestHead(readFile, (head) =>
    withErrorCode("setup-log", async () => {
      const log = await witnessedLog(readFile, setup, head);
      if (log === null) return { state: "open" };
      const { ended, close } = await walkBatches(log.reader, setup, setup.openSize);
      if (close === null) return { state: ended === "cancel" ? "cancelled" : "open" };
      if (credential === null) return { state: "closed", asked: 0, acknowledged: 0, struck: 0 };
      if (!(await isOnRoll(readFile, await findRoll(log.reader, setup), credential))) return { state: "unknown" };
      return countLists(readFile, close, credential);
    }),
  );
}

async function findRoll(reader: LogReader, setup: Setup): Promise<Roll> {
  for (let index = 1; index < setup.openSize; index++) {
    const raw = await reader.entry(index);
    if (entryType(raw) !== "roll") continue;
    const entry = parseEntry(raw);
    await checkSignatures(setup.manifest, setup.referendum, entry);
    if (entry.type === "roll") return entry.body;
  }
  throw new ClientError("setup-log", "no roll before the opening");
}

async function isOnRoll(readFile: ReadLogFile, roll: Roll, credential: Uint8Array): Promise<boolean> {
  const { credentials_root: credentials, spares_root: spares } = roll;
  for (const [path, count, root] of [
    ["credentials", roll.count, credentials],
    ["spares", roll.spares, spares],
  ] as const)
    if ((await readList(readFile, path, count, root)).some((key) => equal(key, credential))) return true;
  return false;
}

async function countLists(readFile: ReadLogFile, close: Close, credential: Uint8Array): Promise<LetterFate> {
  let [asked, acknowledged, struck] = [0, 0, 0];
  for (const [k, stated] of close.issuance.entries()) {
    const issued = await readList(readFile, `issuance/${k + 1}`, stated.count, stated.root);
    const own = issued.find((leaf) => equal(leaf.subarray(0, 32), credential));
    if (own !== undefined) asked++;
    if (own !== undefined && own.length > 128) acknowledged++;
    const onPaper = await readList(readFile, `struck/${k + 1}`, stated.struck, stated.struck_root);
    if (onPaper.some((key) => equal(key, credential))) struck++;
  }
  return { state: "closed", asked, acknowledged, struck };
}

/** The leaves of a list: the bytes of each line's fields. An empty list need not be fetched. */
async function readList(readFile: ReadLogFile, path: string, count: number, root: string): Promise<readonly Bytes[]> {
  if (count === 0) return [];
  const lines = fromUtf8(await readFile(path)).split("\n");
  if (lines.pop() !== "") throw new ClientError("setup-log", `${path} does not end with a newline`);
  const leaves = lines.map((line) => fromHex(line.replace(/ /g, "")));
  if (leaves.length !== count || !equal(hashRoot(leaves.map(leafHash)), fromHex(root)))
    throw new ClientError("setup-log", `${path} is not the list of the log`);
  return leaves;
}

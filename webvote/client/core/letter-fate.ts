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
import { verifySchnorr } from "./group.ts";
import { hashRoot, leafHash } from "./merkle.ts";
import type { Setup } from "./setup.ts";
import { Transcript } from "./transcript.ts";

const [KEY, SIGNATURE] = [32, 64];

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
      const lists = await readAll(readFile, await findRoll(log.reader, setup), close);
      return search(lists, setup, credential);
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

interface Lists {
  readonly letters: readonly Bytes[];
  readonly registrars: readonly { readonly issued: readonly Bytes[]; readonly struck: readonly Bytes[] }[];
}

/** Every list, in one order, whatever is looked for. */
async function readAll(readFile: ReadLogFile, roll: Roll, close: Close): Promise<Lists> {
  const credentials = await readList(readFile, "credentials", roll.count, roll.credentials_root);
  const spares = await readList(readFile, "spares", roll.spares, roll.spares_root);
  const registrars: Lists["registrars"][number][] = [];
  for (const [k, stated] of close.issuance.entries())
    registrars.push({
      issued: await readList(readFile, `issuance/${k + 1}`, stated.count, stated.root),
      struck: await readList(readFile, `struck/${k + 1}`, stated.struck, stated.struck_root),
    });
  return { letters: [...credentials, ...spares], registrars };
}

function search({ letters, registrars }: Lists, setup: Setup, credential: Uint8Array): LetterFate {
  const holds = (keys: readonly Bytes[]): boolean => keys.some((key) => equal(key, credential));
  if (!holds(letters)) return { state: "unknown" };
  let [asked, acknowledged, struck] = [0, 0, 0];
  for (const [k, { issued, struck: onPaper }] of registrars.entries()) {
    const own = issued.find((leaf) => equal(leaf.subarray(0, KEY), credential));
    if (own !== undefined) {
      asked++;
      if (checkOwn(own, setup.referendum, k + 1)) acknowledged++;
    }
    if (holds(onPaper)) struck++;
  }
  return { state: "closed", asked, acknowledged, struck };
}

/** Whether the line has an acknowledgement. Throws setup-log for a line that its letter did not sign (V21). */
function checkOwn(leaf: Bytes, referendum: Bytes, registrar: number): boolean {
  const [credential, hash] = [leaf.subarray(0, KEY), leaf.subarray(KEY, 2 * KEY)];
  const signed = (tag: string, at: number): boolean => {
    const digest = Transcript.of(tag).add("referendum", referendum).addInt("registrar", registrar).add("request", hash);
    return verifySchnorr(credential, digest.digest(), leaf.subarray(at, at + SIGNATURE));
  };
  const acknowledged = leaf.length > 2 * KEY + SIGNATURE;
  const sound = signed("token-request", 2 * KEY) && (!acknowledged || signed("acknowledgement", 2 * KEY + SIGNATURE));
  if (!sound) throw new ClientError("setup-log", "a line that its letter did not sign");
  return acknowledged;
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

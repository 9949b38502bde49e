// Checkpoints of the log and their cosignatures by witnesses, as C2SP defines them (docs/protocol.md, 7.3).
//
// Decides their format and who signed. Leaves to its callers what a checkpoint's root must be.

import { sha256 } from "@noble/hashes/sha2.js";
import { base64, concat, equal, fromBase64, fromHex, fromUtf8, toBig, u64, utf8, type Bytes } from "./bytes.ts";
import { verifyEd25519 } from "./ed25519.ts";
import { ClientError, withErrorCodeSync } from "./errors.ts";
import type { Manifest, Witness } from "./manifest.ts";
import { verifyMlDsa44 } from "./mldsa.ts";

const TIME_BYTES = 8;
const LATEST_TIME = 253_402_300_799n; // the end of the year 9999

interface NoteSignature {
  readonly name: string;
  readonly keyId: Uint8Array;
  readonly signature: Uint8Array;
}

export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Bytes;
  readonly signatures: readonly NoteSignature[];
  readonly raw: Uint8Array;
}

function fail(problem: string): never {
  throw new ClientError("setup-log", problem);
}

/** What is signed: three lines, from values that have one spelling. */
function signedText({ origin, size, root }: Checkpoint): Bytes {
  return utf8(`${origin}\n${size}\n${base64(root)}\n`);
}

function keyId(name: string, algorithm: number, key: Uint8Array): Uint8Array {
  return sha256(concat(utf8(`${name}\n`), Uint8Array.of(algorithm), key)).slice(0, 4);
}

/** The two kinds of cosignatures of C2SP: how a witness's line is known, and whether its signature verifies. */
interface Cosigner {
  readonly algorithm: number;
  readonly key: Uint8Array;
  readonly signatureBytes: number;
  verify(checkpoint: Checkpoint, time: Uint8Array, signature: Uint8Array): boolean | Promise<boolean>;
}

function cosignerOf({ name, key: text }: Witness): Cosigner {
  const [, digits] = text.split(":");
  const key = fromHex(digits ?? text);
  return digits === undefined
    ? {
        algorithm: 4,
        key,
        signatureBytes: 64,
        verify: (checkpoint, time, signature) => {
          const head = utf8(`cosignature/v1\ntime ${toBig(time)}\n`);
          return verifyEd25519(key, concat(head, signedText(checkpoint)), signature);
        },
      }
    : {
        algorithm: 6,
        key,
        signatureBytes: 2420,
        verify: (checkpoint, time, signature) => verifyMlDsa44(signature, subtreeText(checkpoint, name, time), key),
      };
}

/** What an ML-DSA-44 witness signs: the whole tree as a subtree, with its own name. */
function subtreeText({ origin, size, root }: Checkpoint, name: string, time: Uint8Array): Bytes {
  const [witness, log] = [utf8(name), utf8(origin)];
  const length = (text: Uint8Array): Uint8Array => Uint8Array.of(text.length);
  return concat(utf8("subtree/v1\n\0"), length(witness), witness, time, length(log), log, u64(0), u64(size), root);
}

/** Throws `setup-log`. */
export function parseCheckpoint(raw: Uint8Array): Checkpoint {
  return withErrorCodeSync("setup-log", () => {
    const [body, lines, ...more] = fromUtf8(raw).split("\n\n");
    const [origin, size, root, ...rest] = (body ?? "").split("\n");
    if (
      origin === undefined ||
      size === undefined ||
      root === undefined ||
      lines === undefined ||
      rest.length + more.length > 0
    )
      fail("not a checkpoint");
    if (origin === "" || [...origin].some((character) => character < " ")) fail("not an origin");
    if (!/^(0|[1-9][0-9]{0,17})$/.test(size) || !Number.isSafeInteger(Number(size)) || !lines.endsWith("\n"))
      fail("not a checkpoint");
    const checkpoint = {
      origin,
      size: Number(size),
      root: fromBase64(root),
      signatures: lines.slice(0, -1).split("\n").map(parseLine),
      raw,
    };
    return checkpoint.root.length === 32 ? checkpoint : fail("a root is 32 bytes");
  });
}

function parseLine(line: string): NoteSignature {
  const [, name, encoded] = /^— ([!-*,-~]{1,255}) ([A-Za-z0-9+/]+={0,2})$/.exec(line) ?? [];
  if (name === undefined || encoded === undefined) fail("not a signature line");
  const data = fromBase64(encoded);
  if (data.length < 5) fail("a signature line is too short");
  return { name, keyId: data.slice(0, 4), signature: data.slice(4) };
}

/** That the log's own key signed, and nothing else stands under the log's name. Throws `setup-log`. */
export async function checkLogSignature(manifest: Manifest, checkpoint: Checkpoint): Promise<void> {
  const { origin, key } = manifest.log;
  const [only, ...more] = checkpoint.signatures.filter((line) => line.name === origin);
  if (checkpoint.origin !== origin || only === undefined || more.length > 0) fail("a checkpoint of another log");
  if (!equal(only.keyId, keyId(origin, 1, fromHex(key)))) fail("a signature in the log's name by another key");
  if (!(await verifyEd25519(fromHex(key), signedText(checkpoint), only.signature)))
    fail("the log's signature does not verify");
}

/** The times that witnesses of this referendum state for the checkpoint, by name, in Unix seconds, and a sentence for each
 * line of theirs that is no cosignature. Lines of other keys are nobody's here. */
export async function cosignatures(
  manifest: Manifest,
  checkpoint: Checkpoint,
): Promise<{ readonly times: ReadonlyMap<string, number>; readonly problems: readonly string[] }> {
  const [times, problems] = [new Map<string, number>(), [] as string[]];
  const witnesses = manifest.witnesses.members.map((member) => ({ name: member.name, ...cosignerOf(member) }));
  for (const { name, keyId: id, signature } of checkpoint.signatures) {
    const witness = witnesses.find(
      (known) => known.name === name && equal(id, keyId(name, known.algorithm, known.key)),
    );
    if (witness === undefined) continue;
    const [stamp, rest] = [signature.slice(0, TIME_BYTES), signature.slice(TIME_BYTES)];
    const time = toBig(stamp);
    if (times.has(name)) problems.push(`witness ${name} appears twice`);
    else if (rest.length !== witness.signatureBytes) problems.push(`a cosignature of ${name} has a wrong length`);
    else if (!(await witness.verify(checkpoint, stamp, rest)))
      problems.push(`a cosignature of ${name} does not verify`);
    else if (time <= 0n || time > LATEST_TIME) problems.push(`a cosignature of ${name} states an absurd time`);
    else times.set(name, Number(time));
  }
  return { times, problems };
}

/** How many different witnesses of this referendum have seen the checkpoint. */
export async function countWitnesses(manifest: Manifest, checkpoint: Checkpoint): Promise<number> {
  return (await cosignatures(manifest, checkpoint)).times.size;
}

/** Throws `setup-witnesses` below the quorum. */
export async function checkQuorum(manifest: Manifest, checkpoint: Checkpoint): Promise<void> {
  const seen = await countWitnesses(manifest, checkpoint);
  if (seen < manifest.witnesses.quorum)
    throw new ClientError("setup-witnesses", `${seen} witnesses where ${manifest.witnesses.quorum} must have signed`);
}

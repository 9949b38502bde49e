// Checkpoints and their cosignatures, as C2SP defines them (docs/protocol.md, 7.3): formats and who signed.
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { base64, concat, equal, fromBase64, fromHex, toBig, utf8, type Bytes } from "./bytes.ts";
import { ClientError } from "./errors.ts";
import type { Manifest } from "./manifest.ts";

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

/** RFC 8032, strictly: no key or signature in a second spelling. */
export function verifyEd25519(publicKey: string, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return ed25519.verify(signature, message, fromHex(publicKey), { zip215: false });
  } catch {
    return false;
  }
}

const text = (checkpoint: Checkpoint): Bytes => utf8(`${checkpoint.origin}\n${checkpoint.size}\n${base64(checkpoint.root)}\n`);
const keyId = (name: string, algorithm: number, key: string): Uint8Array =>
  sha256(concat(utf8(`${name}\n`), Uint8Array.of(algorithm), fromHex(key))).subarray(0, 4);

function fail(problem: string): never {
  throw new ClientError("setup-log", problem);
}

export function parseCheckpoint(raw: Uint8Array): Checkpoint {
  const note = new TextDecoder("utf-8", { ignoreBOM: true }).decode(raw);
  const [body, lines, ...more] = note.split("\n\n");
  const [origin, size, root, ...rest] = (body ?? "").split("\n");
  if (origin === undefined || size === undefined || root === undefined || lines === undefined || rest.length + more.length > 0) fail("not a checkpoint");
  if (!/^(0|[1-9][0-9]{0,14})$/.test(size) || !lines.endsWith("\n")) fail("not a checkpoint");
  const signatures = lines.slice(0, -1).split("\n").map((line): NoteSignature => {
    const match = /^— ([^ +\n]+) ([A-Za-z0-9+/]+={0,2})$/.exec(line);
    if (match?.[1] === undefined || match[2] === undefined) fail("not a signature line");
    const data = fromBase64(match[2]);
    return { name: match[1], keyId: data.subarray(0, 4), signature: data.subarray(4) };
  });
  const checkpoint = { origin, size: Number(size), root: fromBase64(root), signatures, raw };
  if (checkpoint.root.length !== 32) fail("a root is 32 bytes");
  return checkpoint;
}

/** That the log's own key signed, once, under its own name. Throws setup-log. */
export function checkLogSignature(manifest: Manifest, checkpoint: Checkpoint): void {
  const { origin, key } = manifest.log;
  const own = checkpoint.signatures.filter((s) => s.name === origin && equal(s.keyId, keyId(origin, 1, key)));
  const [only] = own;
  if (checkpoint.origin !== origin || own.length !== 1 || only === undefined) fail("a checkpoint of another log");
  if (!verifyEd25519(key, text(checkpoint), only.signature)) fail("the log's signature does not verify");
}

/** How many different witnesses of this referendum have seen the checkpoint. */
export function countWitnesses(manifest: Manifest, checkpoint: Checkpoint): number {
  const seen = new Set<string>();
  for (const signature of checkpoint.signatures) {
    const witness = manifest.witnesses.members.find((member) => member.name === signature.name && equal(signature.keyId, keyId(member.name, 4, member.key)));
    if (witness === undefined || signature.signature.length !== 72) continue;
    const time = toBig(signature.signature.subarray(0, 8));
    const message = concat(utf8(`cosignature/v1\ntime ${time}\n`), text(checkpoint));
    if (time > 0n && verifyEd25519(witness.key, message, signature.signature.subarray(8))) seen.add(witness.name);
  }
  return seen.size;
}

/** Throws setup-witnesses below the quorum. */
export function checkQuorum(manifest: Manifest, checkpoint: Checkpoint): void {
  const count = countWitnesses(manifest, checkpoint);
  if (count < manifest.witnesses.quorum) throw new ClientError("setup-witnesses", `${count} witnesses where ${manifest.witnesses.quorum} must have signed`);
}

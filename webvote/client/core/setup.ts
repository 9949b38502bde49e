// What the client checks before it encrypts: that the published referendum is the one on the letter, that all
// trustees confirmed its key, that two officers opened it, and that a quorum of witnesses has seen that.
import { sha256 } from "@noble/hashes/sha2.js";
import { equal, fromHex, hex, utf8, type Bytes } from "./bytes.ts";
import { encodeCanonical, parseCanonical, type Json } from "./canonical.ts";
import { contextOf, type BallotContext } from "./context.ts";
import { ClientError } from "./errors.ts";
import { pointBytes, pointFrom, sum } from "./group.ts";
import { LogReader, type Fetch } from "./log.ts";
import { parseManifest, referendumId, type Manifest } from "./manifest.ts";
import { hashRoot, leafHash } from "./merkle.ts";
import { checkLogSignature, checkQuorum, parseCheckpoint, verifyEd25519 } from "./note.ts";
import { Transcript } from "./transcript.ts";

export interface Setup {
  readonly manifest: Manifest;
  readonly referendum: Bytes;
  readonly context: BallotContext;
  /** The log's size after its entry `open`. */
  readonly openSize: number;
}

type Fields = { readonly [key: string]: Json };

interface Entry {
  readonly type: string;
  readonly body: Fields;
  readonly signatures: readonly { readonly by: string; readonly signature: string }[];
}

interface ElectionKey {
  readonly attempt: number;
  readonly joint_key: string;
  readonly transcript: string;
  readonly raw: Uint8Array;
}

export function parseEntry(raw: Uint8Array): Entry {
  return parseCanonical(raw) as unknown as Entry;
}

function keyOf(manifest: Manifest, by: string): string | undefined {
  const [role, number] = by.split("/");
  const holders = role === "trustee" ? manifest.trustees.members : role === "officer" ? manifest.officers : [];
  return role === "box" && number === undefined ? manifest.box.key : holders[Number(number) - 1]?.key;
}

/** The different signers whose signature on the entry verifies. */
function signers(manifest: Manifest, referendum: Uint8Array, entry: Entry): string[] {
  const digest = Transcript.of("entry")
    .add("referendum", referendum)
    .add("type", utf8(entry.type))
    .add("body", utf8(encodeCanonical(entry.body)))
    .digest();
  const valid = entry.signatures.filter(({ by, signature }) => {
    const key = keyOf(manifest, by);
    return key !== undefined && verifyEd25519(key, digest, fromHex(signature));
  });
  return [...new Set(valid.map(({ by }) => by))];
}

function need(holds: boolean, code: string, problem: string): asserts holds {
  if (!holds) throw new ClientError(code, problem);
}

/** Throws setup-id, setup-log, setup-ceremony, setup-witnesses or setup-not-open. */
export async function loadSetup(fetch: Fetch, referendum: Uint8Array): Promise<Setup> {
  const head = parseCheckpoint(await fetch("checkpoint"));
  const reader = new LogReader(fetch, head.size);
  const manifestRaw = await reader.entry(0);
  need(equal(referendumId(manifestRaw), referendum), "setup-id", "the log is not the referendum of this id");
  const manifest = parseManifest(manifestRaw);
  checkLogSignature(manifest, head);
  const leaves = [leafHash(manifestRaw)];
  const ceremony: Entry[] = [];
  let election: ElectionKey | null = null;
  for (let index = 1; index < head.size; index++) {
    const raw = await reader.entry(index);
    leaves.push(leafHash(raw));
    const entry = parseEntry(raw);
    if (entry.type === "reveal" || entry.type === "confirm") ceremony.push(entry);
    if (entry.type === "election-key") election = { ...(entry.body as unknown as ElectionKey), raw };
    if (entry.type !== "open") continue;
    need(election !== null, "setup-ceremony", "opened without an election key");
    need(entry.body["election_key"] === hex(sha256(election.raw)), "setup-ceremony", "opened for another election key");
    const officers = signers(manifest, referendum, entry).filter((by) => by.startsWith("officer/"));
    need(officers.length >= 2, "setup-log", "not opened by two officers");
    checkCeremony(manifest, referendum, ceremony, election);
    const seen = parseCheckpoint(await fetch(`checkpoints/${leaves.length}`));
    checkLogSignature(manifest, seen);
    need(seen.size === leaves.length && equal(seen.root, hashRoot(leaves)), "setup-log", "the opening's checkpoint contradicts the log");
    checkQuorum(manifest, seen);
    const context = contextOf(manifest, referendum, election.raw, election.joint_key);
    return { manifest, referendum: Uint8Array.from(referendum), context, openSize: leaves.length };
  }
  throw new ClientError("setup-not-open", "voting is not open yet");
}

/** Every trustee confirmed this key and transcript, and the key is the sum of what they revealed. */
function checkCeremony(manifest: Manifest, referendum: Uint8Array, entries: readonly Entry[], election: ElectionKey): void {
  const constants = manifest.trustees.members.map((_, k) => {
    const own = entries.filter((entry) => entry.body["attempt"] === election.attempt && entry.body["trustee"] === k + 1);
    const signed = own.filter((entry) => signers(manifest, referendum, entry).includes(`trustee/${k + 1}`));
    const reveal = signed.find((entry) => entry.type === "reveal");
    const confirm = signed.find((entry) => entry.type === "confirm");
    const agrees = confirm?.body["joint_key"] === election.joint_key && confirm.body["transcript"] === election.transcript;
    need(agrees, "setup-ceremony", `trustee ${k + 1} has not confirmed this election key`);
    const coefficients = reveal?.body["coefficients"] as readonly string[] | undefined;
    need(coefficients?.length === manifest.trustees.threshold, "setup-ceremony", `trustee ${k + 1} revealed nothing`);
    return pointFrom(fromHex(coefficients[0] ?? ""));
  });
  need(hex(pointBytes(sum(constants))) === election.joint_key, "setup-ceremony", "the election key is not the trustees' sum");
}

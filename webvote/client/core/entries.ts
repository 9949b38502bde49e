// The log's entries up to the opening, headers of batches and what ends the voting: their fields, and the envelope around
// them.
//
// Decides formats, and who must sign which entry (docs/protocol.md, 3.6 and 5). Leaves the order of entries to `setup`
// and `ceremony`.

import { fromHex, utf8 } from "./bytes.ts";
import {
  count,
  encodeCanonical,
  hash,
  index,
  integer,
  list,
  matching,
  parseCanonical,
  pointHex,
  receivingKey,
  record,
  scalarHex,
  signatureHex,
  text,
  texts,
  type Read,
  type Reader,
} from "./canonical.ts";
import { verifyEd25519 } from "./ed25519.ts";
import { ClientError } from "./errors.ts";
import type { Manifest } from "./manifest.ts";
import { Transcript } from "./transcript.ts";

const attempt = integer(1, 1000);
export const ENTRY_BODIES = {
  commit: record({ attempt, commitment: hash, receiving_keys: list(receivingKey, 1, 32), trustee: index }),
  reveal: record({
    attempt,
    coefficients: list(pointHex, 0, 32),
    proof_challenge: scalarHex,
    proof_response: scalarHex,
    trustee: index,
  }),
  share: record({ attempt, receiver: index, sealed: matching(/^[0-9a-f]{160}$/), sender: index }),
  confirm: record({ attempt, joint_key: pointHex, transcript: hash, trustee: index }),
  complaint: record({ accused: index, accuser: index, attempt, receiving_secret: hash }),
  drill: record({
    attempt,
    challenge: scalarHex,
    point: pointHex,
    response: scalarHex,
    root: hash,
    trustee: index,
  }),
  "election-key": record({ attempt, joint_key: pointHex, transcript: hash, verification_keys: list(pointHex, 0, 32) }),
  roll: record({ count, credentials_root: hash, spares: count, spares_root: hash }),
  client: record({ files: list(record({ path: text, sha256: hash }), 0, 1000), release: text }),
  open: record({ election_key: hash }),
  replace: record({ replacement: hash, struck: hash }),
  incident: record({ number: index, text: texts }),
  cancel: record({ text: texts }),
  batch: record({ issued: list(record({ count, signature: signatureHex }), 0, 8), number: index, size: count }),
  close: record({
    ballots: count,
    batches: count,
    issuance: list(record({ count, root: hash, signature: signatureHex, struck: count, struck_root: hash }), 0, 8),
  }),
} as const satisfies Readonly<Record<string, Reader<object>>>;

type Bodies = { readonly [K in keyof typeof ENTRY_BODIES]: Read<(typeof ENTRY_BODIES)[K]> };
export type Body<K extends keyof Bodies> = Bodies[K];

const envelope = record({
  body: (value: unknown) => value,
  signatures: list(record({ by: text, signature: signatureHex }), 0, 64),
  type: text,
});

type Signatures = Read<typeof envelope>["signatures"];

/** A parsed entry; its signatures are not checked yet. */
export type Entry = {
  readonly [K in keyof Bodies]: { readonly type: K; readonly body: Bodies[K]; readonly signatures: Signatures };
}[keyof Bodies];

/** The type of an entry of any kind. Throws `encoding`. */
export function entryType(raw: Uint8Array): string {
  return envelope(parseCanonical(raw)).type;
}

/** Throws `encoding`, also for types that this client does not read. */
export function parseEntry(raw: Uint8Array): Entry {
  const { type, body, signatures } = envelope(parseCanonical(raw));
  if (!Object.hasOwn(ENTRY_BODIES, type)) throw new ClientError("encoding", `an entry of type ${type.slice(0, 40)}`);
  if (signatures.some(({ by }, k) => k > 0 && by <= (signatures[k - 1]?.by ?? "")))
    throw new ClientError("encoding", "signatures out of order");
  return { type, body: ENTRY_BODIES[type as keyof Bodies](body), signatures } as Entry;
}

/** Throws `setup-log` unless exactly the right parties signed this entry. */
export async function checkSignatures(manifest: Manifest, referendum: Uint8Array, entry: Entry): Promise<void> {
  const names = entry.signatures.map((signature) => signature.by);
  const digest = Transcript.of("entry")
    .add("referendum", referendum)
    .add("type", utf8(entry.type))
    .add("body", utf8(encodeCanonical(entry.body)))
    .digest();
  let valid = areDue(entry, names);
  for (const { by, signature } of entry.signatures) {
    const key = keyOf(manifest, by);
    valid &&= key !== undefined && (await verifyEd25519(fromHex(key), digest, fromHex(signature)));
  }
  if (!valid) throw new ClientError("setup-log", `an entry ${entry.type} that is not signed by those who must`);
}

function areDue(entry: Entry, names: readonly string[]): boolean {
  const only = (name: string): boolean => names.length === 1 && names[0] === name;
  const officers = (least: number): boolean => names.length >= least && names.every((by) => by.startsWith("officer/"));
  switch (entry.type) {
    case "election-key":
      return names.length === 0;
    case "share":
      return only(`trustee/${entry.body.sender}`);
    case "complaint":
      return only(`trustee/${entry.body.accuser}`);
    case "commit":
    case "reveal":
    case "confirm":
    case "drill":
      return only(`trustee/${entry.body.trustee}`);
    case "batch":
      return only("box");
    case "client":
      return only("client");
    case "incident":
      return officers(1);
    default:
      return officers(2);
  }
}

/** Of the party that signs under this name. */
export function keyOf(manifest: Manifest, by: string): string | undefined {
  if (by === "box" || by === "client") return manifest[by].key;
  const [, role, number] = /^(officer|trustee)\/([1-9][0-9]{0,3})$/.exec(by) ?? [];
  const holders = role === "officer" ? manifest.officers : manifest.trustees.members;
  return holders[Number(number) - 1]?.key;
}

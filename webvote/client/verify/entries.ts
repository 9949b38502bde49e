// All entries of a log but ballots: their fields, the envelope, and who signs each (docs/protocol.md, 3.6 and 5).
//
// Decides formats and signatures. Leaves which entry may follow which to `order`, and what it may say to the chapters.

import { compare, fromHex, utf8 } from "../core/bytes.ts";
import {
  count,
  encodeCanonical,
  hash,
  index,
  list,
  matching,
  nullOr,
  oneOf,
  parseCanonical,
  pointHex,
  record,
  scalarHex,
  signatureHex,
  text,
  texts,
  type Read,
  type Reader,
} from "../core/canonical.ts";
import { verifyEd25519 } from "../core/ed25519.ts";
import { ENTRY_BODIES, keyOf } from "../core/entries.ts";
import type { Manifest } from "../core/manifest.ts";
import { Transcript } from "../core/transcript.ts";
import { RecordInvalid } from "./place.ts";

export const ENTRY_BYTES = 65_535;
const [QUESTIONS, OPTIONS, TRUSTEES] = [32, 256, 32];

const decryption = record({ challenge: scalarHex, point: pointHex, response: scalarHex });
const perOption = list(count, 0, OPTIONS);
const questionResult = record({
  funded: nullOr(perOption),
  online: nullOr(perOption),
  outcome: oneOf("accepted", "rejected", "tie", "invalid-too-few", "invalid-too-narrow", "ranked", "funded"),
  paper: nullOr(perOption),
  ranking: list(perOption, 0, OPTIONS),
  total: perOption,
});
const bodies = {
  ...ENTRY_BODIES,
  "paper-result": record({ ballots: count, counts: list(perOption, 0, QUESTIONS) }),
  "paper-ballots": record({ ballots: count, root: hash }),
  "tally-intent": record({ root: hash, size: count, sums: hash, trustee: index }),
  "partial-decryption": record({
    decryptions: list(list(decryption, 0, OPTIONS), 0, QUESTIONS),
    root: hash,
    trustee: index,
  }),
  result: record({
    online_ballots: count,
    paper_ballots: count,
    participants: count,
    questions: list(questionResult, 0, QUESTIONS),
    status: oneOf("counted", "not-counted-minimum", "not-counted-floor"),
    trustees: list(index, 0, TRUSTEES),
  }),
  abandon: record({ text: texts }),
  sample: record({ dice: matching(/^[1-6]{30}$/) }),
  minutes: record({ name: text, sha256: hash }),
  purge: record({ destroyed: list(text, 0, 100) }),
} as const satisfies Readonly<Record<string, Reader<object>>>;

type Bodies = { readonly [K in keyof typeof bodies]: Read<(typeof bodies)[K]> };
export type Kind = keyof Bodies;
export type Body<K extends Kind> = Bodies[K];

const envelope = record({
  body: (value: unknown) => value,
  signatures: list(record({ by: text, signature: signatureHex }), 0, 64),
  type: text,
});

/** A parsed entry; its signatures are not checked yet. */
export type Entry = {
  readonly [K in Kind]: {
    readonly type: K;
    readonly body: Bodies[K];
    readonly signatures: Read<typeof envelope>["signatures"];
  };
}[Kind];

/** Throws RecordInvalid. */
export function parseEntry(raw: Uint8Array): Entry {
  if (raw.length > ENTRY_BYTES) throw new RecordInvalid("an entry is longer than a log entry can be");
  try {
    const { type, body, signatures } = envelope(parseCanonical(raw));
    if (!Object.hasOwn(bodies, type)) throw new RecordInvalid(`an entry of unknown type '${type.slice(0, 40)}'`);
    const read = bodies[type as Kind](body);
    const names = signatures.map(({ by }) => utf8(by));
    if (names.some((name, k) => k > 0 && compare(names[k - 1] ?? name, name) >= 0))
      throw new RecordInvalid("the signatures of an entry are sorted, one for each signer");
    return { type, body: read, signatures } as Entry;
  } catch (error) {
    if (error instanceof RecordInvalid) throw error;
    throw new RecordInvalid(`not a valid record: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** What is wrong with the signatures; null if exactly the right parties signed this entry. */
export async function signaturesProblem(
  manifest: Manifest,
  referendum: Uint8Array,
  entry: Entry,
): Promise<string | null> {
  const names = entry.signatures.map(({ by }) => by);
  if (!areDue(entry, names)) return `an entry ${entry.type} that is not signed by those who must`;
  const digest = Transcript.of("entry")
    .add("referendum", referendum)
    .add("type", utf8(entry.type))
    .add("body", utf8(encodeCanonical(entry.body)))
    .digest();
  for (const { by, signature } of entry.signatures) {
    const key = keyOf(manifest, by);
    if (key === undefined) return `'${by.slice(0, 40)}' is no party of this referendum`;
    if (!(await verifyEd25519(fromHex(key), digest, fromHex(signature)))) return "an Ed25519 signature does not verify";
  }
  return null;
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
    case "tally-intent":
    case "partial-decryption":
      return only(`trustee/${entry.body.trustee}`);
    case "batch":
      return only("box");
    case "client":
      return only("client");
    case "incident":
    case "minutes":
      return officers(1);
    default:
      return officers(2);
  }
}

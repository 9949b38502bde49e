// The referendum's definition: entry 0 of the log, whose SHA-256 is the referendum id.
//
// Decides its fields and types. Leaves the rules that it must keep beyond them to `manifest-rules`.

import { sha256 } from "@noble/hashes/sha2.js";
import type { Bytes } from "./bytes.ts";
import {
  bool,
  count,
  hash,
  integer,
  list,
  matching,
  nullOr,
  oneOf,
  parseCanonical,
  record,
  text,
  texts,
  type Read,
} from "./canonical.ts";
import { withErrorCodeSync } from "./errors.ts";
import { checkManifest } from "./manifest-rules.ts";

export type Texts = Readonly<Record<string, string>>;

const name = matching(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$/);
const namedKey = record({ key: hash, name });
/** Ed25519, or ML-DSA-44 with its name before it. */
const witness = record({ key: matching(/^([0-9a-f]{64}|ml-dsa-44:[0-9a-f]{2624})$/), name });
const service = record({ key: hash, url: text });
const amount = integer(1, 2 ** 32 - 1);
const question = record({
  accepts: nullOr(integer(0, 1)),
  budget: nullOr(amount),
  funding: nullOr(oneOf("most-votes-then-cheapest", "most-votes-then-listed")),
  kind: oneOf("yes-no", "choose", "budget"),
  max_choices: integer(1, 256),
  options: list(record({ cost: nullOr(amount), text: texts }), 1, 256),
  text: texts,
  unit: nullOr(texts),
});
const readManifest = record({
  type: oneOf("manifest"),
  version: oneOf(1),
  binding: bool,
  clock: oneOf("real", "simulated"),
  languages: list(matching(/^[a-z]{2}$/), 1, 8),
  title: texts,
  questions: list(question, 1, 32),
  opens: text,
  closes: text,
  grace_seconds: integer(0, 3600),
  complaint_seconds: integer(0, 2_592_000),
  sample_size: integer(0, 11_000_000),
  eligibility: record({
    description: texts,
    minimum_age: integer(0, 150),
    official_count: integer(1, 11_000_000),
    postcodes: list(matching(/^[1-9][0-9]{3}$/), 1, 2000),
    age_date: text,
    residence_date: text,
  }),
  rules: record({ count_below_minimum: bool, minimum_margin_permille: integer(0, 1000), minimum_participants: count }),
  privacy_floor: record({ online: integer(1, 10_000), paper: integer(1, 10_000) }),
  max_casts: integer(1, 1000),
  batching: record({
    minimum_seconds: integer(0, 86_400),
    minimum_tokens: integer(0, 100_000),
    quiet_seconds: integer(0, 86_400),
    healing_seconds: integer(0, 86_400),
  }),
  second_factor: record({
    kind: oneOf("birth-date", "national-number"),
    memory_kib: integer(8, 4_194_304),
    passes: integer(1, 64),
  }),
  trustees: record({ members: list(namedKey, 1, 32), threshold: integer(1, 32) }),
  registrars: list(record({ blind_key: matching(/^([0-9a-f]{2}){1,1024}$/), key: hash, name, url: text }), 1, 8),
  box: service,
  log: record({ key: hash, origin: matching(/^(?=.{1,200}$)[a-z0-9][a-z0-9.-]*(\/[A-Za-z0-9._~-]+)*$/) }),
  witnesses: record({ members: list(witness, 1, 64), quorum: integer(1, 64) }),
  officers: list(namedKey, 2, 64),
  client: service,
});

export type Manifest = Read<typeof readManifest>;
export type Question = Manifest["questions"][number];
export type Witness = Manifest["witnesses"]["members"][number];
export type NamedKey = Manifest["officers"][number];

/** 32 bytes. */
export function referendumId(raw: Uint8Array): Bytes {
  return new Uint8Array(sha256(raw));
}

/** Throws `setup-log`. */
export function parseManifest(raw: Uint8Array): Manifest {
  return withErrorCodeSync("setup-log", () => {
    const manifest = readManifest(parseCanonical(raw));
    checkManifest(manifest);
    return manifest;
  });
}

// The referendum's definition: entry 0 of the log, whose SHA-256 is the referendum id.
//
// Decides its fields and types, and every rule on which this client's own safety rests: keys, quorums, the shape of
// questions. Leaves all other rules (on times, lengths, numbers, binding referendums) to auditors: the id fixes every
// byte of them.

import { sha256 } from "@noble/hashes/sha2.js";
import { fromHex, type Bytes } from "./bytes.ts";
import { MODULUS_BYTES, parseSpki } from "./blind-rsa.ts";
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
import { isValidKey } from "./ed25519.ts";
import { ClientError, withErrorCodeSync } from "./errors.ts";

export type Texts = Readonly<Record<string, string>>;

const name = matching(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$/);
const namedKey = record({ key: hash, name });
const service = record({ key: hash, url: text });
const question = record({
  accepts: nullOr(integer(0, 1)),
  kind: oneOf("yes-no", "choose"),
  max_choices: integer(1, 256),
  options: list(record({ text: texts }), 1, 256),
  text: texts,
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
  grace_seconds: count,
  eligibility: record({
    description: texts,
    minimum_age: count,
    official_count: count,
    postcodes: list(matching(/^[1-9][0-9]{3}$/), 1, 2000),
    reference_date: text,
  }),
  rules: record({ count_below_minimum: bool, minimum_margin_permille: count, minimum_participants: count }),
  privacy_floor: record({ online: count, paper: count }),
  max_casts: integer(1, 1000),
  batching: record({ minimum_seconds: count, minimum_tokens: count, quiet_seconds: count }),
  second_factor: record({ kind: oneOf("birth-date", "national-number"), memory_kib: count, passes: count }),
  trustees: record({ members: list(namedKey, 1, 32), threshold: integer(1, 32) }),
  registrars: list(record({ blind_key: matching(/^([0-9a-f]{2}){1,1024}$/), key: hash, name, url: text }), 1, 8),
  box: service,
  log: record({ key: hash, origin: matching(/^[a-z0-9][a-z0-9.-]*(\/[A-Za-z0-9._~-]+)*$/) }),
  witnesses: record({ members: list(namedKey, 1, 64), quorum: integer(1, 64) }),
  officers: list(namedKey, 2, 64),
  client: service,
});

export type Manifest = Read<typeof readManifest>;
export type Question = Manifest["questions"][number];
export type NamedKey = Manifest["officers"][number];

/** 32 bytes. */
export function referendumId(raw: Uint8Array): Bytes {
  return new Uint8Array(sha256(raw));
}

/** Throws `setup-log`. */
export function parseManifest(raw: Uint8Array): Manifest {
  const manifest = withErrorCodeSync("setup-log", () => readManifest(parseCanonical(raw)));
  need(inAllLanguages(manifest), "texts");
  need(manifest.questions.every(isSound), "a question");
  need(castBytes(manifest) <= 65_535, "ballots too long");
  need(manifest.trustees.threshold <= manifest.trustees.members.length, "threshold");
  need(manifest.witnesses.quorum <= manifest.witnesses.members.length, "quorum");
  need(keysAreSound(manifest), "keys");
  return manifest;
}

function need(condition: boolean, problem: string): void {
  if (!condition) throw new ClientError("setup-log", `the definition has ${problem}`);
}

function different(items: readonly unknown[]): boolean {
  return new Set(items).size === items.length;
}

function inAllLanguages({ languages, title, eligibility, questions }: Manifest): boolean {
  const all = [
    title,
    eligibility.description,
    ...questions.flatMap((asked) => [asked.text, ...asked.options.map((option) => option.text)]),
  ];
  const whole = all.every(
    (item) =>
      Object.keys(item).length === languages.length && languages.every((language) => Object.hasOwn(item, language)),
  );
  return (
    different(languages) &&
    whole &&
    questions.every((asked) => languages.every((language) => different(asked.options.map((o) => o.text[language]))))
  );
}

function isSound(asked: Question): boolean {
  if (asked.max_choices > asked.options.length) return false;
  return asked.kind === "yes-no"
    ? asked.options.length === 2 && asked.max_choices === 1 && asked.accepts !== null
    : asked.accepts === null;
}

function castBytes({ questions, registrars }: Manifest): number {
  const sizes = questions.map(({ options: { length }, max_choices: most }) => {
    const branches = [...Array<number>(length).fill(2), ...(most < length ? [most + 1] : [])];
    return 66 * length + branches.reduce((total, b) => total + 66 * b + 32 * (2 * b - 1), 0);
  });
  return 1 + 32 + sizes.reduce((total, size) => total + size, 0) + 64 + MODULUS_BYTES * registrars.length + 4 + 64;
}

function keysAreSound({ trustees, registrars, witnesses, officers, box, log, client }: Manifest): boolean {
  const groups = [trustees.members, registrars, witnesses.members, officers];
  const keys = [...groups.flatMap((group) => group.map((member) => member.key)), box.key, log.key, client.key];
  const named =
    groups.every((group) => different(group.map((member) => member.name))) &&
    !witnesses.members.some((witness) => witness.name === log.origin);
  const blind = withErrorCodeSync("setup-log", () =>
    registrars.map((registrar) => parseSpki(fromHex(registrar.blind_key))),
  );
  return named && different(blind) && different(keys) && keys.every((key) => isValidKey(fromHex(key)));
}

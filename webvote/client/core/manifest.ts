// The referendum's definition: entry 0 of the log, whose SHA-256 is the referendum id. The id fixes every byte,
// so what is checked here is only that the client can use it; auditors check all of its rules.
import { sha256 } from "@noble/hashes/sha2.js";
import type { Bytes } from "./bytes.ts";
import { parseCanonical } from "./canonical.ts";
import { ClientError } from "./errors.ts";

export type Texts = Readonly<Record<string, string>>;

export interface Question {
  readonly kind: "yes-no" | "choose";
  readonly text: Texts;
  readonly options: readonly { readonly text: Texts }[];
  readonly max_choices: number;
}

export interface NamedKey {
  readonly name: string;
  readonly key: string;
}

export interface Manifest {
  readonly type: "manifest";
  readonly version: 1;
  readonly binding: boolean;
  readonly languages: readonly string[];
  readonly title: Texts;
  readonly questions: readonly Question[];
  readonly opens: string;
  readonly closes: string;
  readonly max_casts: number;
  readonly second_factor: { readonly kind: "birth-date" | "national-number" };
  readonly trustees: { readonly threshold: number; readonly members: readonly NamedKey[] };
  readonly registrars: readonly { readonly name: string; readonly blind_key: string; readonly key: string; readonly url: string }[];
  readonly box: { readonly key: string; readonly url: string };
  readonly log: { readonly origin: string; readonly key: string };
  readonly witnesses: { readonly quorum: number; readonly members: readonly NamedKey[] };
  readonly officers: readonly NamedKey[];
}

export function referendumId(raw: Uint8Array): Bytes {
  return sha256(raw) as Bytes;
}

export function parseManifest(raw: Uint8Array): Manifest {
  const manifest = parseCanonical(raw) as unknown as Manifest;
  const sound =
    manifest?.type === "manifest" &&
    manifest.version === 1 &&
    manifest.questions.length > 0 &&
    manifest.questions.every((q) => q.options.length > 0 && q.max_choices >= 1 && q.max_choices <= q.options.length) &&
    manifest.registrars.length > 0 &&
    manifest.trustees.threshold >= 1 &&
    manifest.trustees.threshold <= manifest.trustees.members.length &&
    manifest.witnesses.quorum >= 1 &&
    manifest.officers.length >= 2;
  if (!sound) throw new ClientError("setup-log", "a definition that this client does not know");
  return manifest;
}

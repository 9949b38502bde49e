// What a trustee keeps secret: one seed, from which everything secret in the ceremony is derived.
//
// Decides the content of the file, the same as the trustees' command has, and how the secrets of an attempt follow from it
// (docs/protocol.md, 13). Leaves the passphrase to `sealed`.

import { ed25519 } from "@noble/curves/ed25519.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { scalarStream } from "../core/ballot.ts";
import { concat, fromHex, fromUtf8, hex, u32, utf8, type Bytes } from "../core/bytes.ts";
import { hash, nullOr, oneOf, record, count, type Read } from "../core/canonical.ts";
import { randomBytes } from "../core/group.ts";
import { TrusteeRefused } from "./errors.ts";

const announced = record({ size: count, root: hash, sums: hash });
const content = record({
  version: oneOf(1),
  role: oneOf("trustee"),
  seed: hash,
  referendum: nullOr(hash),
  announced: nullOr(announced),
});

/** The one tree that a trustee is ready to decrypt for. */
export type AnnouncedTree = Read<typeof announced>;
/** `referendum` and `announced` are written when the trustee announces the count. */
export type TrusteeKey = Read<typeof content>;

/** A trustee's part in one attempt of the ceremony: the polynomial, constant term first, and an X25519 secret for what each
 * dealer sends, in the order of trustees. */
export interface AttemptSecrets {
  readonly polynomial: readonly bigint[];
  readonly receivingSecrets: readonly Uint8Array[];
}

export function newTrusteeKey(): TrusteeKey {
  return { version: 1, role: "trustee", seed: hex(randomBytes(32)), referendum: null, announced: null };
}

export function keyBytes(key: TrusteeKey): Bytes {
  return utf8(JSON.stringify(key));
}

/** Throws `not-a-trustee-key`. */
export function parseTrusteeKey(data: Uint8Array): TrusteeKey {
  try {
    const defaults = { referendum: null, announced: null };
    return content({ ...defaults, ...(JSON.parse(fromUtf8(data)) as object) });
  } catch {
    throw new TrusteeRefused("not-a-trustee-key");
  }
}

/** The trustee's public key, in hexadecimal, as it stands in the definition. */
export function publicKeyOf(key: TrusteeKey): string {
  return hex(ed25519.getPublicKey(fromHex(key.seed)));
}

export function signWith(key: TrusteeKey, digest: Uint8Array): string {
  return hex(ed25519.sign(digest, fromHex(key.seed)));
}

export function attemptSecrets(
  key: TrusteeKey,
  referendum: Uint8Array,
  attempt: number,
  threshold: number,
  trustees: number,
): AttemptSecrets {
  const [seed, which] = [fromHex(key.seed), u32(attempt)];
  const next = scalarStream(seed, referendum, concat(utf8("stembus/v1 ceremony coefficient"), which));
  const receiving = (dealer: number): Uint8Array =>
    hkdf(sha256, seed, referendum, concat(utf8("stembus/v1 ceremony receiving key"), which, u32(dealer)), 32);
  return {
    polynomial: Array.from({ length: threshold }, next),
    receivingSecrets: Array.from({ length: trustees }, (_, k) => receiving(k + 1)),
  };
}

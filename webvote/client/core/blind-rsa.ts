// Blind signatures: RSABSSA-SHA384-PSS-Deterministic of RFC 9474, the client's side, with 3072-bit keys.
//
// Decides blinding and unblinding; `finalize` returns no signature that does not verify. Leaves hashing, randomness
// and the last verification to WebCrypto, and what is signed to `token`.

import { concat, equal, fromBig, fromHex, toBig, u32, type Bytes } from "./bytes.ts";
import { ClientError } from "./errors.ts";
import { randomBytes } from "./group.ts";

export const MODULUS_BYTES = 384;
const SALT_BYTES = 48;
const HASH_BYTES = 48;
const EXPONENT_BITS = 16; // e = 2^16 + 1
// DER of a SubjectPublicKeyInfo (rsaEncryption) around a 3072-bit modulus and e = 65537: all but the modulus is fixed.
const SPKI_HEAD = fromHex("308201a2300d06092a864886f70d01010105000382018f003082018a0282018100");
const SPKI_TAIL = fromHex("0203010001");

/** What the client keeps between request and answer. `inverse` is secret. */
export interface Blinding {
  readonly blinded: Uint8Array;
  readonly inverse: bigint;
}

/** The modulus of a registrar's key in its one valid encoding. Throws `encoding`. */
export function parseSpki(spki: Uint8Array): bigint {
  const end = SPKI_HEAD.length + MODULUS_BYTES;
  const modulus = toBig(spki.slice(SPKI_HEAD.length, end));
  const framed = equal(spki.slice(0, SPKI_HEAD.length), SPKI_HEAD) && equal(spki.slice(end), SPKI_TAIL);
  if (!framed || modulus >> 3071n !== 1n || modulus % 2n === 0n)
    throw new ClientError("encoding", "not an RSA key of 3072 bit");
  return modulus;
}

async function sha384(...parts: readonly Uint8Array[]): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-384", concat(...parts)));
}

/** EMSA-PSS-ENCODE (RFC 8017, section 9.1.1) for 3071 bits. */
async function pssEncode(message: Uint8Array, salt: Uint8Array): Promise<Uint8Array> {
  const digest = await sha384(new Uint8Array(8), await sha384(message), salt);
  const width = MODULUS_BYTES - HASH_BYTES - 1;
  const counters = Array.from({ length: Math.ceil(width / HASH_BYTES) }, (_, i) => sha384(digest, u32(i)));
  const mask = concat(...(await Promise.all(counters)));
  const block = concat(new Uint8Array(width - SALT_BYTES - 1), Uint8Array.of(1), salt).map(
    (byte, i) => byte ^ (mask[i] ?? 0),
  );
  return concat(Uint8Array.of((block[0] ?? 0) & 0x7f), block.slice(1), digest, Uint8Array.of(0xbc));
}

/** The inverse modulo n, or null where there is none. */
function inverseOf(value: bigint, n: bigint): bigint | null {
  let [rest, next] = [n, value];
  let [factor, following] = [0n, 1n];
  while (next !== 0n) {
    const quotient = rest / next;
    [rest, next] = [next, rest - quotient * next];
    [factor, following] = [following, factor - quotient * following];
  }
  if (rest !== 1n) return null;
  return factor < 0n ? factor + n : factor;
}

/** Uniform in 1..n-1. */
function randomBelow(n: bigint): bigint {
  for (;;) {
    const value = toBig(randomBytes(MODULUS_BYTES));
    if (value !== 0n && value < n) return value;
  }
}

/** RFC 9474, section 4.2, with a fresh salt and a fresh blinding factor. */
export async function blind(spki: Uint8Array, message: Uint8Array): Promise<Blinding> {
  const n = parseSpki(spki);
  const encoded = toBig(await pssEncode(message, randomBytes(SALT_BYTES)));
  for (;;) {
    const factor = randomBelow(n);
    const inverse = inverseOf(factor, n);
    if (inverse === null) continue;
    let power = factor;
    for (let i = 0; i < EXPONENT_BITS; i++) power = (power * power) % n;
    return { blinded: fromBig((((power * factor) % n) * encoded) % n, MODULUS_BYTES), inverse };
  }
}

/** RFC 9474, section 4.4. Throws `signature-invalid`. */
export async function finalize(
  spki: Uint8Array,
  message: Uint8Array,
  answer: Uint8Array,
  inverse: bigint,
): Promise<Bytes> {
  const n = parseSpki(spki);
  const value = toBig(answer);
  if (answer.length !== MODULUS_BYTES || value >= n)
    throw new ClientError("signature-invalid", "not below the modulus");
  const signature = fromBig((value * inverse) % n, MODULUS_BYTES);
  if (!(await verifyBlindSignature(spki, message, signature)))
    throw new ClientError("signature-invalid", "does not verify");
  return signature;
}

/** RFC 9474, section 4.5. */
export async function verifyBlindSignature(
  spki: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const key = await crypto.subtle.importKey("spki", spki.slice(), { name: "RSA-PSS", hash: "SHA-384" }, false, [
    "verify",
  ]);
  return crypto.subtle.verify({ name: "RSA-PSS", saltLength: SALT_BYTES }, key, signature.slice(), message.slice());
}

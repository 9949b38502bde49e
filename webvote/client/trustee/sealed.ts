// Sealed boxes for one trustee, and secrets under a passphrase: the same bytes as libsodium makes.
//
// Decides both formats (docs/protocol.md, 13, item 3; the file's JSON as the trustees' command writes it). Leaves what is
// inside to `key-file` and `ceremony`.

import { secretbox, hsalsa } from "@noble/ciphers/salsa.js";
import { x25519 } from "@noble/curves/ed25519.js";
import { argon2idAsync } from "@noble/hashes/argon2.js";
import { blake2b } from "@noble/hashes/blake2.js";
import { base64, concat, fromBase64, fromUtf8, utf8, type Bytes } from "../core/bytes.ts";
import { integer, matching, oneOf, record } from "../core/canonical.ts";
import { randomBytes } from "../core/group.ts";
import { TrusteeRefused } from "./errors.ts";

const [NONCE_BYTES, SALT_BYTES, KEY_BYTES] = [24, 16, 32];
const FORMAT = "stembus-secret-v1";
// libsodium's "moderate" cost: about four seconds in a browser.
const [PASSES, MEMORY_BYTES] = [3, 256 * 1024 * 1024];
const MOST_MEMORY = 1024 * 1024 * 1024;

export function boxPublic(secret: Uint8Array): Bytes {
  return new Uint8Array(x25519.getPublicKey(secret));
}

/** The key of a box between a secret and a public key (`crypto_box_beforenm`). */
function sharedKey(secret: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const words = (data: Uint8Array): Uint32Array => {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    return Uint32Array.from({ length: data.length / 4 }, (_, k) => view.getUint32(4 * k, true));
  };
  const out = new Uint32Array(8);
  hsalsa(words(utf8("expand 32-byte k")), words(x25519.getSharedSecret(secret, publicKey)), new Uint32Array(4), out);
  const key = new Uint8Array(KEY_BYTES);
  for (const [k, word] of out.entries()) new DataView(key.buffer).setUint32(4 * k, word, true);
  return key;
}

const nonceOf = (ephemeral: Uint8Array, publicKey: Uint8Array): Uint8Array =>
  blake2b(concat(ephemeral, publicKey), { dkLen: NONCE_BYTES });

/** `crypto_box_seal`: message length + 48 bytes. */
export function sealTo(publicKey: Uint8Array, message: Uint8Array): Bytes {
  const secret = randomBytes(KEY_BYTES);
  const ephemeral = boxPublic(secret);
  const box = secretbox(sharedKey(secret, publicKey), nonceOf(ephemeral, publicKey)).seal(message);
  return concat(ephemeral, box);
}

/** Throws when the box is not for this key or was altered. */
export function openSealed(secret: Uint8Array, box: Uint8Array): Uint8Array {
  const [ephemeral, rest] = [box.slice(0, KEY_BYTES), box.slice(KEY_BYTES)];
  return secretbox(sharedKey(secret, ephemeral), nonceOf(ephemeral, boxPublic(secret))).open(rest);
}

/** How far the work on a passphrase is, from 0 to 1. */
export type Progress = (part: number) => void;

async function passphraseKey(
  passphrase: string,
  cost: { readonly passes: number; readonly memory_bytes: number; readonly salt: string },
  progress: Progress,
): Promise<Uint8Array> {
  return argon2idAsync(utf8(passphrase.normalize("NFC")), fromBase64(cost.salt), {
    t: cost.passes,
    m: cost.memory_bytes / 1024,
    p: 1,
    dkLen: KEY_BYTES,
    maxmem: 2 * MOST_MEMORY,
    asyncTick: 50,
    onProgress: progress,
  });
}

/** The ASCII JSON of a sealed secret: format, Argon2id cost and salt, box. */
export async function sealWithPassphrase(
  content: Uint8Array,
  passphrase: string,
  progress: Progress = () => undefined,
): Promise<Bytes> {
  const cost = { passes: PASSES, memory_bytes: MEMORY_BYTES, salt: base64(randomBytes(SALT_BYTES)) };
  const key = await passphraseKey(passphrase, cost, progress);
  const nonce = randomBytes(NONCE_BYTES);
  const box = base64(concat(nonce, secretbox(key, nonce).seal(content)));
  return utf8(JSON.stringify({ format: FORMAT, argon2id: cost, box }, null, 1));
}

const text = matching(/^[A-Za-z0-9+/=]{1,100000}$/);
const file = record({
  format: oneOf(FORMAT),
  argon2id: record({ passes: integer(1, 64), memory_bytes: integer(8192, MOST_MEMORY), salt: text }),
  box: text,
});

/** Throws `not-a-key-file` or `passphrase-wrong`. */
export async function openWithPassphrase(
  sealed: Uint8Array,
  passphrase: string,
  progress: Progress = () => undefined,
): Promise<Uint8Array> {
  let [key, box] = [new Uint8Array(), new Uint8Array()];
  try {
    const read = file(JSON.parse(fromUtf8(sealed)));
    box = fromBase64(read.box);
    key = new Uint8Array(await passphraseKey(passphrase, read.argon2id, progress));
  } catch {
    throw new TrusteeRefused("not-a-key-file");
  }
  try {
    return secretbox(key, box.slice(0, NONCE_BYTES)).open(box.slice(NONCE_BYTES));
  } catch {
    throw new TrusteeRefused("passphrase-wrong");
  }
}

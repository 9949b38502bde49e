// Secrets under a passphrase: the same bytes as libsodium makes.
//
// Decides the file's JSON, as the trustees' command writes it. Leaves what is inside to `key-file`.

import { secretbox } from "@noble/ciphers/salsa.js";
import { argon2idAsync } from "@noble/hashes/argon2.js";
import { base64, concat, fromBase64, fromUtf8, utf8, type Bytes } from "../core/bytes.ts";
import { integer, matching, oneOf, record } from "../core/canonical.ts";
import { randomBytes } from "../core/group.ts";
import { TrusteeRefused } from "./errors.ts";

const [NONCE_BYTES, SALT_BYTES, KEY_BYTES] = [24, 16, 32];
const FORMAT = "stembus-secret-v1";
// libsodium's "moderate" cost: about four seconds in a browser.
const [PASSES, MEMORY_BYTES] = [3, 256 * 1024 * 1024];
const MOST_MEMORY = 1024 * 1024 * 1024;

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

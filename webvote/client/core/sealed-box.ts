// Sealed boxes for one trustee: the same bytes as libsodium's `crypto_box_seal` makes (docs/protocol.md, 13, item 3).
//
// X25519, XSalsa20-Poly1305, nonce BLAKE2b-192 of ephemeral and receiving key. Leaves what is inside to its callers.

import { hsalsa, secretbox } from "@noble/ciphers/salsa.js";
import { x25519 } from "@noble/curves/ed25519.js";
import { blake2b } from "@noble/hashes/blake2.js";
import { concat, utf8, type Bytes } from "./bytes.ts";
import { randomBytes } from "./group.ts";

const [NONCE_BYTES, KEY_BYTES] = [24, 32];

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

// Ed25519 signatures (RFC 8032) of offices, services and witnesses.
//
// Decides that they are verified strictly and without the cofactor, as docs/protocol.md, 3.4, demands. The library's
// own check multiplies by the cofactor, so this client could accept what other verifiers refuse; only its curve is
// used. Leaves to its callers whose key it is, and what was signed.

import { edwards } from "@noble/curves/abstract/edwards.js";
import { concat, equal, toBig } from "./bytes.ts";

// RFC 8032, section 5.1.
const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const Curve = edwards({
  p: P,
  n: L,
  h: 8n,
  a: P - 1n,
  d: 37095705934669439343138083508754565189542113879843219016388785533085940283555n,
  Gx: 15112221349535400772501151409588531511454012693041857206046113283949847762202n,
  Gy: 46316835694926478169428394003475163141307993866256225615783033603165251855960n,
});

function littleEndian(data: Uint8Array): bigint {
  return toBig(data.slice().reverse());
}

/** Whether `key` is the canonical encoding of a point of prime order. */
export function isValidKey(key: Uint8Array): boolean {
  try {
    const point = Curve.fromBytes(key, false);
    return !point.is0() && point.isTorsionFree();
  } catch {
    return false;
  }
}

/** `key` is valid: it stands in a manifest that was checked. */
export async function verifyEd25519(key: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  if (signature.length !== 64) return false;
  const commitment = signature.slice(0, 32);
  const response = littleEndian(signature.slice(32));
  if (response >= L) return false;
  const hash = await crypto.subtle.digest("SHA-512", concat(commitment, key, message));
  const challenge = littleEndian(new Uint8Array(hash)) % L;
  try {
    const expected = Curve.BASE.multiplyUnsafe(response).subtract(
      Curve.fromBytes(key, false).multiplyUnsafe(challenge),
    );
    return equal(expected.toBytes(), commitment);
  } catch {
    return false;
  }
}

// Signatures of witnesses by ML-DSA-44 (FIPS 204), which need a large library: a script of its own brings it, and pages
// carry that only where a witness has such a key. Without it, such a witness has not signed.

type Verify = (signature: Uint8Array, message: Uint8Array, key: Uint8Array) => boolean;

// Scripts of one page share nothing else.
const shared = globalThis as typeof globalThis & { stembusMlDsa44?: Verify };

export function offerMlDsa44(verify: Verify): void {
  shared.stembusMlDsa44 = verify;
}

export function verifyMlDsa44(signature: Uint8Array, message: Uint8Array, key: Uint8Array): boolean {
  return shared.stembusMlDsa44?.(signature, message, key) ?? false;
}

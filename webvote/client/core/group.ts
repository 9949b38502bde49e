// The group: secp256k1 points, scalars modulo its order q, and BIP340 signatures over it.
//
// Decides which encodings are valid: 33-byte compressed points on the curve, 32-byte big-endian scalars below q. The
// identity is a value without an encoding. Leaves proofs to `ballot`, `verify-ballot` and `ceremony`.

import { schnorr } from "@noble/curves/secp256k1.js";
import type { WeierstrassPoint } from "@noble/curves/abstract/weierstrass.js";
import { fromBig, toBig } from "./bytes.ts";
import { ClientError } from "./errors.ts";

export type Point = WeierstrassPoint<bigint>;

export const G: Point = schnorr.Point.BASE;
export const IDENTITY: Point = schnorr.Point.ZERO;
export const ORDER: bigint = schnorr.Point.Fn.ORDER;
export const POINT_BYTES = 33;
export const SCALAR_BYTES = 32;

/** Throws `encoding`. */
export function pointFrom(data: Uint8Array): Point {
  // The library also takes 65-byte forms; the length keeps them out.
  if (data.length !== POINT_BYTES) throw new ClientError("encoding", "a point is 33 bytes");
  try {
    return schnorr.Point.fromBytes(data);
  } catch {
    throw new ClientError("encoding", "not a compressed point of secp256k1");
  }
}

/** Throws `encoding` for the identity. */
export function pointBytes(point: Point): Uint8Array {
  if (point.is0()) throw new ClientError("encoding", "the identity has no encoding");
  return point.toBytes(true);
}

/** Zero is legal. Throws `encoding`. */
export function parseScalar(data: Uint8Array): bigint {
  const value = toBig(data);
  if (data.length !== SCALAR_BYTES || value >= ORDER)
    throw new ClientError("encoding", "a scalar is 32 bytes below the group order");
  return value;
}

export function scalarBytes(scalar: bigint): Uint8Array {
  return fromBig(scalar, SCALAR_BYTES);
}

export function mod(value: bigint): bigint {
  const rest = value % ORDER;
  return rest < 0n ? rest + ORDER : rest;
}

export function sum(points: readonly Point[]): Point {
  return points.reduce((total, point) => total.add(point), IDENTITY);
}

/** Of the polynomial with these coefficients times G: its value at `index`, times G. */
export function imageAt(points: readonly Point[], index: number): Point {
  return points.reduceRight((total, point) => times(total, BigInt(index)).add(point), IDENTITY);
}

/** For secret scalars: the sequence of operations does not depend on the scalar. */
export function timesSecret(point: Point, scalar: bigint): Point {
  return scalar === 0n || point.is0() ? IDENTITY : point.multiply(scalar);
}

/** For public scalars only: the time taken depends on them. */
export function times(point: Point, scalar: bigint): Point {
  return point.multiplyUnsafe(scalar);
}

export interface SchnorrKey {
  readonly secret: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** Throws `encoding` unless 0 < secret < q. */
export function schnorrKey(secret: Uint8Array): SchnorrKey {
  if (parseScalar(secret) === 0n) throw new ClientError("encoding", "a BIP340 secret is not zero");
  return { secret, publicKey: schnorr.getPublicKey(secret) };
}

export function newSchnorrKey(): SchnorrKey {
  return schnorrKey(schnorr.utils.randomSecretKey());
}

export function signSchnorr(secret: Uint8Array, digest: Uint8Array): Uint8Array {
  return schnorr.sign(digest, secret);
}

/** False for a bad key too. */
export function verifySchnorr(publicKey: Uint8Array, digest: Uint8Array, signature: Uint8Array): boolean {
  return signature.length === 64 && publicKey.length === 32 && schnorr.verify(signature, digest, publicKey);
}

export function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}

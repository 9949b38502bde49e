// The voter's token: a fresh key that every registrar signs without seeing it (RFC 9474; docs/protocol.md, 10).
// The voting pass is what a device keeps, in the same JSON form that the command line writes.
import { RSABSSA } from "@cloudflare/blindrsa-ts";
import { schnorr } from "@noble/curves/secp256k1.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { fromHex, hex, type Bytes } from "./bytes.ts";
import type { Credential } from "./code.ts";
import { SIGNATURE_BYTES, type BallotContext } from "./context.ts";
import { ClientError } from "./errors.ts";
import { Transcript } from "./transcript.ts";

const FORMAT = "stembus-voting-pass-v1";
const suite = RSABSSA.SHA384.PSS.Deterministic();

interface Blinding {
  readonly blinded: Bytes;
  readonly inverse: Bytes;
}

export interface VotingPass {
  readonly referendum: Bytes;
  readonly tokenSecret: Bytes;
  readonly blindings: readonly Blinding[];
  readonly signatures: readonly (Bytes | null)[];
  readonly casts: number;
}

/** What goes to one registrar, as JSON. */
export interface TokenRequest {
  readonly credential: string;
  readonly blinded: string;
  readonly signature: string;
  readonly factor: string;
}

export const isComplete = (pass: VotingPass): boolean => pass.signatures.every((signature) => signature !== null);

export function tokenPublic(pass: VotingPass): Bytes {
  return schnorr.getPublicKey(pass.tokenSecret) as Bytes;
}

function importKey(spki: Uint8Array): Promise<CryptoKey> {
  return crypto.subtle.importKey("spki", Uint8Array.from(spki), { name: "RSA-PSS", hash: "SHA-384" }, true, ["verify"]);
}

export async function newPass(context: BallotContext): Promise<VotingPass> {
  const tokenSecret = schnorr.utils.randomSecretKey() as Bytes;
  const message = context.tokenMessage(schnorr.getPublicKey(tokenSecret));
  const blindings = await Promise.all(
    context.registrars.map(async (spki): Promise<Blinding> => {
      const { blindedMsg, inv } = await suite.blind(await importKey(spki), suite.prepare(message));
      return { blinded: Uint8Array.from(blindedMsg), inverse: Uint8Array.from(inv) };
    }),
  );
  return { referendum: Uint8Array.from(context.referendum), tokenSecret, blindings, signatures: blindings.map(() => null), casts: 0 };
}

/** `registrar` counts from 1. */
export function makeRequest(pass: VotingPass, registrar: number, credential: Credential, factor: string): TokenRequest {
  const blinding = pass.blindings[registrar - 1];
  if (blinding === undefined) throw new ClientError("pass-damaged", "no such registrar");
  const digest = Transcript.of("token-request")
    .add("referendum", pass.referendum)
    .addInt("registrar", registrar)
    .add("request", sha256(blinding.blinded))
    .digest();
  return {
    credential: hex(credential.publicKey),
    blinded: hex(blinding.blinded),
    signature: hex(schnorr.sign(digest, credential.secret)),
    factor,
  };
}

/** Unblinds and checks one registrar's answer; a bad one is never kept. Throws signature-invalid. */
export async function takeAnswer(context: BallotContext, pass: VotingPass, registrar: number, answer: Uint8Array): Promise<VotingPass> {
  const blinding = pass.blindings[registrar - 1];
  const spki = context.registrars[registrar - 1];
  if (blinding === undefined || spki === undefined) throw new ClientError("pass-damaged", "no such registrar");
  let signature: Bytes;
  try {
    const message = suite.prepare(context.tokenMessage(tokenPublic(pass)));
    if (answer.length !== SIGNATURE_BYTES) throw new Error("length");
    signature = Uint8Array.from(await suite.finalize(await importKey(spki), message, Uint8Array.from(answer), blinding.inverse));
  } catch {
    throw new ClientError("signature-invalid", "a registrar's answer does not verify");
  }
  return { ...pass, signatures: pass.signatures.map((old, k) => (k === registrar - 1 ? signature : old)) };
}

export function passToJson(pass: VotingPass): string {
  return JSON.stringify({
    format: FORMAT,
    referendum: hex(pass.referendum),
    token_key: hex(pass.tokenSecret),
    blindings: pass.blindings.map((blinding) => [hex(blinding.blinded), hex(blinding.inverse)]),
    signatures: pass.signatures.map((signature) => (signature === null ? null : hex(signature))),
    casts: pass.casts,
  });
}

/** Throws pass-damaged. */
export function passFromJson(text: string): VotingPass {
  try {
    const data = JSON.parse(text) as {
      format: string;
      referendum: string;
      token_key: string;
      blindings: [string, string][];
      signatures: (string | null)[];
      casts: number;
    };
    const pass: VotingPass = {
      referendum: fromHex(data.referendum),
      tokenSecret: fromHex(data.token_key),
      // The command line writes the inverse as a number, without leading zeros.
      blindings: data.blindings.map(([blinded, inverse]) => ({ blinded: fromHex(blinded), inverse: fromHex(inverse.padStart(2 * SIGNATURE_BYTES, "0")) })),
      signatures: data.signatures.map((signature) => (signature === null ? null : fromHex(signature))),
      casts: data.casts,
    };
    const sound =
      data.format === FORMAT &&
      pass.referendum.length === 32 &&
      pass.tokenSecret.length === 32 &&
      pass.blindings.length === pass.signatures.length &&
      pass.signatures.length > 0 &&
      Number.isSafeInteger(pass.casts) &&
      pass.casts >= 0;
    if (!sound) throw new Error("shape");
    tokenPublic(pass);
    return pass;
  } catch {
    throw new ClientError("pass-damaged", "this file is not a voting pass, or it is damaged");
  }
}

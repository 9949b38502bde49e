// The voter's token: a fresh key that every registrar signs without seeing it (RFC 9474; docs/protocol.md, 10).
//
// Decides what is asked of a registrar, which answer is accepted, and what a voting pass holds: the JSON form that the
// command line writes too. Leaves keeping the pass to the pages.

import { hkdf } from "@noble/hashes/hkdf.js";
import { schnorr } from "@noble/curves/secp256k1.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { blind, finalize, verifyBlindSignature, type Blinding } from "./blind-rsa.ts";
import { fromHex, hex, utf8, type Bytes } from "./bytes.ts";
import type { Credential } from "./code.ts";
import type { BallotContext } from "./context.ts";
import { ClientError } from "./errors.ts";
import { Transcript } from "./transcript.ts";

export const PASS_FORMAT = "stembus-voting-pass-v1";

export interface VotingPass {
  readonly referendum: Bytes;
  readonly tokenSecret: Bytes;
  readonly blindings: readonly Blinding[];
  readonly signatures: readonly (Bytes | null)[];
  readonly casts: number;
}

/** What goes to one registrar, as JSON: to the first with the second factor, to another with the first one's voucher. */
export interface TokenRequest {
  readonly credential: string;
  readonly blinded: string;
  readonly signature: string;
  readonly factor: string;
  readonly voucher?: string;
}

/** What the voucher of another registrar is about. */
export const requestHash = ({ blinded }: TokenRequest): string => hex(sha256(fromHex(blinded)));

/** What goes to the same registrar once the ballot is promised, as JSON. It shows nothing of token or ballot. */
export interface Acknowledgement {
  readonly credential: string;
  readonly request: string;
  readonly signature: string;
}

export const isComplete = (pass: VotingPass): boolean => pass.signatures.every((signature) => signature !== null);

export function tokenPublic(pass: VotingPass): Bytes {
  return schnorr.getPublicKey(pass.tokenSecret) as Bytes;
}

/** The name on a device of the record of a pass that came from elsewhere. It tells neither the token, which becomes
 * public with a ballot, nor whose it is. */
export function passName(pass: VotingPass): string {
  return hex(hkdf(sha256, pass.tokenSecret, pass.referendum, utf8("stembus/v1 record name"), 32));
}

export async function newPass(context: BallotContext): Promise<VotingPass> {
  const tokenSecret = schnorr.utils.randomSecretKey() as Bytes;
  const message = context.tokenMessage(schnorr.getPublicKey(tokenSecret));
  const blindings = await Promise.all(context.registrars.map((spki) => blind(spki, message)));
  return {
    referendum: Uint8Array.from(context.referendum),
    tokenSecret,
    blindings,
    signatures: blindings.map(() => null),
    casts: 0,
  };
}

/** `registrar` counts from 1; no other than the first is told the factor. */
export function makeRequest(pass: VotingPass, registrar: number, credential: Credential, factor: string): TokenRequest {
  return {
    credential: hex(credential.publicKey),
    blinded: hex(blindingOf(pass, registrar).blinded),
    signature: signRequest("token-request", pass, registrar, credential),
    factor: registrar === 1 ? factor : "",
  };
}

/** That this letter's token was used. Signed with the request, while the letter's code is at hand: a complete pass does
 * not know its requests any more. */
export function makeAcknowledgement(pass: VotingPass, registrar: number, credential: Credential): Acknowledgement {
  return {
    credential: hex(credential.publicKey),
    request: hex(sha256(blindingOf(pass, registrar).blinded)),
    signature: signRequest("acknowledgement", pass, registrar, credential),
  };
}

function blindingOf(pass: VotingPass, registrar: number): Blinding {
  const blinding = pass.blindings[registrar - 1];
  if (blinding === undefined) throw new ClientError("pass-damaged");
  return blinding;
}

function signRequest(tag: string, pass: VotingPass, registrar: number, credential: Credential): string {
  const digest = Transcript.of(tag)
    .add("referendum", pass.referendum)
    .addInt("registrar", registrar)
    .add("request", sha256(blindingOf(pass, registrar).blinded))
    .digest();
  return hex(schnorr.sign(digest, credential.secret));
}

/** Unblinds and checks one registrar's answer; a bad one is never kept. Throws signature-invalid. */
export async function takeAnswer(
  context: BallotContext,
  pass: VotingPass,
  registrar: number,
  answer: Uint8Array,
): Promise<VotingPass> {
  const blinding = pass.blindings[registrar - 1];
  const spki = context.registrars[registrar - 1];
  if (blinding === undefined || spki === undefined) throw new ClientError("pass-damaged");
  const signature = await finalize(spki, context.tokenMessage(tokenPublic(pass)), answer, blinding.inverse);
  return { ...pass, signatures: pass.signatures.map((old, k) => (k === registrar - 1 ? signature : old)) };
}

/** That every registrar signed the token of a pass that came from elsewhere. Throws pass-damaged. */
export async function checkToken(context: BallotContext, pass: VotingPass): Promise<void> {
  const message = context.tokenMessage(tokenPublic(pass));
  const valid = await Promise.all(
    context.registrars.map((spki, k) => verifyBlindSignature(spki, message, pass.signatures[k] ?? new Uint8Array())),
  );
  if (pass.signatures.length !== context.registrars.length || !valid.every(Boolean))
    throw new ClientError("pass-damaged");
}

export function passToJson(pass: VotingPass): string {
  return JSON.stringify({
    format: PASS_FORMAT,
    referendum: hex(pass.referendum),
    token_key: hex(pass.tokenSecret),
    // The blinded message stands beside the letter's key in a list that is published later: once the signatures are
    // there, no device keeps what ties its token to the letter.
    blindings: pass.blindings.map((blinding) =>
      isComplete(pass) ? ["00", "0"] : [hex(blinding.blinded), blinding.inverse.toString(16)],
    ),
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
      blindings: data.blindings.map(([blinded, inverse]) => ({
        blinded: fromHex(blinded),
        inverse: BigInt(`0x${inverse}`),
      })),
      signatures: data.signatures.map((signature) => (signature === null ? null : fromHex(signature))),
      casts: data.casts,
    };
    const sound =
      data.format === PASS_FORMAT &&
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
    throw new ClientError("pass-damaged");
  }
}

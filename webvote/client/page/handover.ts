// What travels between devices as text: voting pass, ballot number, and the contents of a test.
// Decides these forms only; they go in the fragment of an address, which no server sees.
import { base64url, concat, fromBase64url, fromHex, hex, u32 } from "../core/bytes.ts";
import { ClientError } from "../core/errors.ts";
import { passFromJson, type VotingPass } from "../core/token.ts";

const SIGNATURE_BYTES = 384;

export interface BallotTest {
  readonly commitment: Uint8Array;
  readonly seed: Uint8Array;
  readonly choice: readonly (readonly number[])[];
}

/** `#test=COMMITMENT.SEED.CHOICE`: options with commas, questions with underscores. */
export function encodeTest(test: BallotTest): string {
  const choice = test.choice.map((chosen) => chosen.join(",")).join("_");
  return `#test=${hex(test.commitment)}.${hex(test.seed)}.${choice}`;
}

export function decodeTest(text: string): BallotTest {
  const match = /#?test=([0-9a-f]{64})\.([0-9a-f]{64})\.([0-9,_]*)\s*$/.exec(text.trim());
  const [, commitment, seed, choice] = match ?? [];
  if (commitment === undefined || seed === undefined || choice === undefined) throw new ClientError("test-format");
  return {
    commitment: fromHex(commitment),
    seed: fromHex(seed),
    choice: choice.split("_").map((part) => (part === "" ? [] : part.split(",").map(Number))),
  };
}

/** A complete pass in few bytes: token secret, casts, the registrars' signatures. */
export function encodePass(pass: VotingPass): string {
  const signatures = pass.signatures.filter((signature) => signature !== null);
  return `#pass=${base64url(concat(fromHex(hex(pass.tokenSecret)), u32(pass.casts), ...signatures))}`;
}

export function decodePass(fragment: string, referendum: Uint8Array): VotingPass {
  const data = fromBase64url(fragment.replace(/^#pass=/, ""));
  const count = (data.length - 36) / SIGNATURE_BYTES;
  if (!Number.isInteger(count) || count < 1) throw new ClientError("pass-damaged");
  const signatures = Array.from({ length: count }, (_, k) => hex(data.slice(36 + k * SIGNATURE_BYTES, 36 + (k + 1) * SIGNATURE_BYTES)));
  return passFromJson(
    JSON.stringify({
      format: "stembus-voting-pass-v1",
      referendum: hex(referendum),
      token_key: hex(data.slice(0, 32)),
      blindings: signatures.map(() => ["00", "0"]),
      signatures,
      casts: new DataView(data.buffer, data.byteOffset).getUint32(32),
    }),
  );
}

/** A tracking code: ballot id, dash, batch. */
export function trackingCode(ballotId: string, batch: number): string {
  return `${ballotId.replace(/(.{8})(?=.)/g, "$1 ")}-${batch}`;
}

export function readTracking(text: string): { readonly ballotId: Uint8Array; readonly batch: number } {
  const match = /^([0-9a-f]{64})-([0-9]{1,9})$/.exec(text.toLowerCase().replace(/\s/g, ""));
  if (match?.[1] === undefined || match[2] === undefined) throw new ClientError("tracking-format");
  return { ballotId: fromHex(match[1]), batch: Number(match[2]) };
}

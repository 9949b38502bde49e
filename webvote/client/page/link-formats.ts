// What travels between devices as text: voting pass, tracking code, and the contents of a test.
//
// Decides these forms only. Passes and tests go in the fragment of an address, which no server sees. Leaves to the
// pages what is done with them.

import { base64url, concat, equal, fromBase64url, fromBig, fromHex, hex, u32 } from "../core/bytes.ts";
import { ClientError, withErrorCodeSync } from "../core/errors.ts";
import { MODULUS_BYTES } from "../core/blind-rsa.ts";
import { PASS_FORMAT, passFromJson, type VotingPass } from "../core/token.ts";

// So many bytes of the referendum id tell a pass of another referendum.
const REFERENDUM_BYTES = 8;

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

/** A pass in few bytes, for a QR code: beginning of the referendum id, token secret, number of casts; then for each
 * registrar its signature, or the blinding of a request that it has not answered, so that it can be made again. */
export function encodePass(pass: VotingPass): string {
  const parts = pass.signatures.map((signature, k) => {
    const blinding = pass.blindings[k];
    if (signature !== null) return concat(Uint8Array.of(1), signature);
    if (blinding === undefined) throw new ClientError("pass-damaged");
    return concat(Uint8Array.of(0), blinding.blinded, fromBig(blinding.inverse, MODULUS_BYTES));
  });
  const head = concat(pass.referendum.slice(0, REFERENDUM_BYTES), pass.tokenSecret, u32(pass.casts));
  return `#pass=${base64url(concat(head, ...parts))}`;
}

/** Throws pass-damaged or pass-other. */
export function decodePass(fragment: string, referendum: Uint8Array): VotingPass {
  return withErrorCodeSync("pass-damaged", () => {
    const data = fromBase64url(fragment.replace(/^#pass=/, ""));
    let at = 0;
    const take = (length: number): Uint8Array => {
      if (at + length > data.length) throw new ClientError("pass-damaged");
      at += length;
      return data.slice(at - length, at);
    };
    if (!equal(take(REFERENDUM_BYTES), referendum.slice(0, REFERENDUM_BYTES))) throw new ClientError("pass-other");
    const [secret, casts] = [take(32), new DataView(take(4).buffer).getUint32(0)];
    const [signatures, blindings]: [(string | null)[], [string, string][]] = [[], []];
    while (at < data.length) {
      const complete = take(1)[0] === 1;
      signatures.push(complete ? hex(take(MODULUS_BYTES)) : null);
      blindings.push(complete ? ["00", "0"] : [hex(take(MODULUS_BYTES)), hex(take(MODULUS_BYTES))]);
    }
    return passFromJson(
      JSON.stringify({
        format: PASS_FORMAT,
        referendum: hex(referendum),
        token_key: hex(secret),
        blindings,
        signatures,
        casts,
      }),
    );
  });
}

/** The number of a ballot, which is its ballot id and its tracking code, in the groups in which people see it. */
export function numberGroups(ballotId: string): string[] {
  return ballotId.match(/.{1,4}/g) ?? [];
}

/** A ballot's number as people write it; where the batch is known, with a dash and the batch behind it. */
export function formatTrackingCode(ballotId: string, batch: number | null): string {
  return numberGroups(ballotId).join(" ") + (batch === null ? "" : `-${batch}`);
}

/** A ballot's number, with its batch where somebody knows that; without it all batches are searched. */
export function parseTrackingCode(text: string): { readonly ballotId: Uint8Array; readonly batch: number | null } {
  const match = /^([0-9a-f]{64})(?:-([0-9]{1,9}))?$/.exec(text.toLowerCase().replace(/\s/g, ""));
  if (match?.[1] === undefined) throw new ClientError("tracking-format");
  return { ballotId: fromHex(match[1]), batch: match[2] === undefined ? null : Number(match[2]) };
}

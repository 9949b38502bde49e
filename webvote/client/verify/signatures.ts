// What registrars and letters signed: counts, final statements, requests (docs/protocol.md, 3.2, 5 and 10).

import { fromHex } from "../core/bytes.ts";
import { verifyEd25519 } from "../core/ed25519.ts";
import { verifySchnorr } from "../core/group.ts";
import type { Manifest } from "../core/manifest.ts";
import { Transcript } from "../core/transcript.ts";
import type { Body } from "./entries.ts";
import type { Issued } from "./lists.ts";

/** What is wrong with the registrars' statements in a batch header; `before` are the counts of the batch before. */
export async function countsProblem(
  manifest: Manifest,
  referendum: Uint8Array,
  body: Body<"batch">,
  before: readonly number[],
): Promise<string | null> {
  if (body.issued.length !== manifest.registrars.length) return "a batch states one issuance count for each registrar";
  for (const [k, { count, signature }] of body.issued.entries()) {
    const digest = Transcript.of("issued")
      .add("referendum", referendum)
      .addInt("registrar", k + 1)
      .addInt("batch", body.number)
      .addInt("count", count)
      .digest();
    if (!(await verifyEd25519(fromHex(manifest.registrars[k]?.key ?? ""), digest, fromHex(signature))))
      return `registrar ${k + 1} did not sign this issuance count`;
    if (count < (before[k] ?? 0)) return `registrar ${k + 1}'s issuance count went down`;
  }
  return null;
}

/** What is wrong with the registrars' final statements. */
export async function issuanceProblem(
  manifest: Manifest,
  referendum: Uint8Array,
  { issuance }: Body<"close">,
): Promise<string | null> {
  if (issuance.length !== manifest.registrars.length) return "the close states one issuance for each registrar";
  for (const [k, statement] of issuance.entries()) {
    const digest = Transcript.of("issuance")
      .add("referendum", referendum)
      .addInt("registrar", k + 1)
      .addInt("count", statement.count)
      .add("root", fromHex(statement.root))
      .addInt("struck", statement.struck)
      .add("struck-root", fromHex(statement.struck_root))
      .digest();
    if (!(await verifyEd25519(fromHex(manifest.registrars[k]?.key ?? ""), digest, fromHex(statement.signature))))
      return `registrar ${k + 1} did not sign its issuance`;
  }
  return null;
}

/** Whether the letter signed its request, and that its token was used if the line says so. */
export function isSignedByLetter(referendum: Uint8Array, registrar: number, line: Issued): boolean {
  const digest = (tag: string): Uint8Array =>
    Transcript.of(tag)
      .add("referendum", referendum)
      .addInt("registrar", registrar)
      .add("request", line.request)
      .digest();
  return (
    verifySchnorr(line.credential, digest("token-request"), line.signature) &&
    (line.acknowledgement.length === 0 ||
      verifySchnorr(line.credential, digest("acknowledgement"), line.acknowledgement))
  );
}

// A trustee's steps of the key ceremony: commit, reveal, share, confirm or complain, drill (docs/protocol.md, 13).
//
// Every secret follows from the key file, so a step keeps nothing and can be taken again. Decides what a step states;
// leaves to `standing` which step it is time for.

import { concat, fromHex, hex, type Bytes } from "../core/bytes.ts";
import { G, parseScalar, pointBytes, scalarBytes, timesSecret } from "../core/group.ts";
import { sealTo } from "../core/sealed-box.ts";
import { Transcript } from "../core/transcript.ts";
import type { Body } from "../verify/entries.ts";
import { knowsKey } from "../verify/proofs.ts";
import { TrusteeRefused } from "./errors.ts";
import { evaluate, publicPoint, proveEqualLogs, proveKey, type Member } from "./member.ts";

/** Step 1; `again` gives up the current attempt, visibly. */
export function commit(member: Member, again = false): Bytes[] {
  const { number, void: isVoid } = member.attempt;
  const next = isVoid || again || number === 0 ? number + 1 : number;
  return [member.entry("commit", member.commitment(next))];
}

/** Step 2, once all have committed. */
export function reveal(member: Member): Bytes[] {
  const { polynomial } = member.own();
  const points = polynomial.map((one) => pointBytes(timesSecret(G, one)));
  const attempt = member.attempt.number;
  const context = member.bound("possession", attempt).add("coefficients", concat(...points));
  const proof = proveKey(polynomial[0] ?? 0n, context);
  return [
    member.entry("reveal", {
      attempt,
      coefficients: points.map(hex),
      proof_challenge: hex(scalarBytes(proof.challenge)),
      proof_response: hex(scalarBytes(proof.response)),
      trustee: member.number,
    }),
  ];
}

/** Step 3: one sealed share for each other trustee, those not sent yet. */
export function share(member: Member): Bytes[] {
  const { polynomial } = member.own();
  const { attempt } = member;
  return member.others
    .filter((receiver) => attempt.share(member.number, receiver) === undefined)
    .map((receiver) => {
      const key = attempt.commits.get(receiver)?.receiving_keys[member.number - 1];
      if (key === undefined)
        throw new TrusteeRefused("out-of-turn", `trustee ${receiver} has no receiving key for this one`);
      const sealed = hex(sealTo(fromHex(key), scalarBytes(evaluate(polynomial, receiver))));
      return member.entry("share", { attempt: attempt.number, receiver, sealed, sender: member.number });
    });
}

/** Step 4: checks all reveals and shares, and signs the joint key and the whole transcript. Throws `dealer-faulty`. */
export function confirm(member: Member): Bytes[] {
  const { attempt, log } = member;
  for (const [dealer, body] of attempt.reveals)
    if (!isSoundReveal(member, body))
      throw new TrusteeRefused("reveal-faulty", `trustee ${dealer} revealed what it did not commit to`, dealer);
  member.share();
  const { joint_key, transcript } = attempt.makeKey(log.referendum, member.count);
  return [member.entry("confirm", { attempt: attempt.number, joint_key, transcript, trustee: member.number })];
}

function isSoundReveal(member: Member, body: Body<"reveal">): boolean {
  try {
    return isAsCommitted(member, body);
  } catch {
    return false; // no point, no scalar
  }
}

function isAsCommitted(member: Member, body: Body<"reveal">): boolean {
  const coefficients = concat(...body.coefficients.map(fromHex));
  const bound = (tag: string): Transcript =>
    Transcript.of(tag)
      .add("referendum", member.log.referendum)
      .addInt("attempt", body.attempt)
      .addInt("trustee", body.trustee)
      .add("coefficients", coefficients);
  const committed = member.attempt.commits.get(body.trustee)?.commitment;
  const [first] = body.coefficients;
  if (body.coefficients.length !== member.threshold || first === undefined) return false;
  if (hex(bound("ceremony-commitment").digest()) !== committed) return false;
  const [challenge, response] = [body.proof_challenge, body.proof_response].map((one) => parseScalar(fromHex(one)));
  return knowsKey(publicPoint(first), challenge ?? 0n, response ?? 0n, bound("possession"));
}

/** Instead of step 4: shows the receiving key for the faulty dealer, so that everyone can judge. Voids the attempt. */
export function complain(member: Member): Bytes[] {
  const { attempt, number } = member;
  try {
    member.share();
  } catch (error) {
    if (!(error instanceof TrusteeRefused) || error.code !== "dealer-faulty") throw error;
    const receiving_secret = hex(member.own().receivingSecrets[error.trustee - 1] ?? new Uint8Array());
    return [
      member.entry("complaint", { accused: error.trustee, accuser: number, attempt: attempt.number, receiving_secret }),
    ];
  }
  throw new TrusteeRefused("out-of-turn", "all shares are in order; there is nothing to complain about");
}

/** Step 5, once all have confirmed, and again between the roll and the opening: decrypts what everybody can compute. */
export function drill(member: Member): Bytes[] {
  const { attempt, log } = member;
  const root = log.phase === "rolled" ? log.rollRoot : log.agreedRoot;
  if (root === null) throw new TrusteeRefused("out-of-turn", "not all have confirmed");
  const key = attempt.makeKey(log.referendum, member.count);
  const secret = member.shareOf(key.verification_keys[member.number - 1]);
  const bound = (tag: string): Transcript =>
    Transcript.of(tag).add("referendum", log.referendum).addInt("attempt", attempt.number).add("root", root);
  const base = timesSecret(G, bound("drill-randomness").scalar());
  const proof = proveEqualLogs(secret, base, bound("drill").addInt("trustee", member.number));
  return [
    member.entry("drill", {
      attempt: attempt.number,
      challenge: hex(scalarBytes(proof.challenge)),
      point: hex(pointBytes(timesSecret(base, secret))),
      response: hex(scalarBytes(proof.response)),
      root: hex(root),
      trustee: member.number,
    }),
  ];
}

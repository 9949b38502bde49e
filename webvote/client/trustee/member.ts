// What every step of a trustee needs: a log that was verified on this device, the key, the share.
//
// Decides that nothing is done with a key of another referendum, or by somebody who is no trustee of this one. Leaves the
// steps to `ceremony` and `count`.

import { concat, fromHex, hex, toBig, utf8, type Bytes } from "../core/bytes.ts";
import { encodeCanonical } from "../core/canonical.ts";
import {
  G,
  imageAt,
  mod,
  newSchnorrKey,
  parseScalar,
  pointBytes,
  pointFrom,
  timesSecret,
  type Point,
} from "../core/group.ts";
import { boxPublic, openSealed } from "../core/sealed-box.ts";
import { Transcript } from "../core/transcript.ts";
import type { Body, Kind } from "../verify/entries.ts";
import type { VerifiedLog } from "../verify/verified-log.ts";
import { latestAttempt, type Attempt } from "./attempt.ts";
import { TrusteeRefused } from "./errors.ts";
import { attemptSecrets, publicKeyOf, signWith, type AttemptSecrets, type TrusteeKey } from "./key-file.ts";

export interface Proof {
  readonly challenge: bigint;
  readonly response: bigint;
}

/** A trustee of this referendum. `number` counts from 1, of `count`; `threshold` of them decrypt. */
export class Member {
  readonly number: number;
  readonly count: number;
  readonly threshold: number;
  readonly attempt: Attempt;

  /** Throws `another-referendum` or `no-trustee`. */
  constructor(
    readonly log: VerifiedLog,
    readonly key: TrusteeKey,
  ) {
    if (key.referendum !== null && key.referendum !== hex(log.referendum))
      throw new TrusteeRefused("another-referendum", "this key serves another referendum");
    const { members, threshold } = log.manifest.trustees;
    this.number = members.findIndex((member) => member.key === publicKeyOf(key)) + 1;
    if (this.number === 0) throw new TrusteeRefused("no-trustee", "this key belongs to no trustee of the manifest");
    this.count = members.length;
    this.threshold = threshold;
    this.attempt = latestAttempt(log.messages);
  }

  /** The numbers of all trustees, or of all others. */
  get all(): readonly number[] {
    return Array.from({ length: this.count }, (_, k) => k + 1);
  }

  get others(): readonly number[] {
    return this.all.filter((number) => number !== this.number);
  }

  /** A signed entry, as the log takes it. */
  entry<K extends Kind>(type: K, body: Body<K>): Bytes {
    const digest = Transcript.of("entry")
      .add("referendum", this.log.referendum)
      .add("type", utf8(type))
      .add("body", utf8(encodeCanonical(body)))
      .digest();
    const signatures = [{ by: `trustee/${this.number}`, signature: signWith(this.key, digest) }];
    return utf8(encodeCanonical({ body, signatures, type }));
  }

  secrets(attempt: number): AttemptSecrets {
    return attemptSecrets(this.key, this.log.referendum, attempt, this.threshold, this.count);
  }

  /** The only commitment that this key file makes in this attempt. */
  commitment(attempt: number): Body<"commit"> {
    const { polynomial, receivingSecrets } = this.secrets(attempt);
    const points = concat(...polynomial.map((one) => pointBytes(timesSecret(G, one))));
    const commitment = this.bound("ceremony-commitment", attempt).add("coefficients", points).digest();
    return {
      attempt,
      commitment: hex(commitment),
      receiving_keys: receivingSecrets.map((secret) => hex(boxPublic(secret))),
      trustee: this.number,
    };
  }

  bound(tag: string, attempt: number): Transcript {
    return Transcript.of(tag)
      .add("referendum", this.log.referendum)
      .addInt("attempt", attempt)
      .addInt("trustee", this.number);
  }

  /** This trustee's secrets of the current attempt. Throws `out-of-turn`, or `other-key-file`. */
  own(): AttemptSecrets {
    const logged = this.attempt.commits.get(this.number);
    if (logged === undefined) throw new TrusteeRefused("out-of-turn", "commit first");
    if (encodeCanonical(logged) !== encodeCanonical(this.commitment(this.attempt.number)))
      throw new TrusteeRefused("other-key-file", "what was committed to was not made from this key file");
    return this.secrets(this.attempt.number);
  }

  /** The sum of all shares for this trustee. Throws `dealer-faulty` with the dealer's number. */
  share(): bigint {
    const { polynomial, receivingSecrets } = this.own();
    const commitments = this.attempt.commitments();
    let total = evaluate(polynomial, this.number);
    for (const dealer of this.others) {
      const sealed = this.attempt.share(dealer, this.number);
      if (sealed === undefined) throw new TrusteeRefused("out-of-turn", `trustee ${dealer} has not sent its share`);
      total += receive(
        receivingSecrets[dealer - 1] ?? new Uint8Array(),
        sealed.sealed,
        commitments[dealer - 1] ?? [],
        this.number,
        dealer,
      );
    }
    return mod(total);
  }

  /** The share behind this trustee's part of the election key. Throws `other-key-file` if it does not fit. */
  shareOf(verificationKey: string | undefined): bigint {
    const share = this.share();
    if (hex(pointBytes(timesSecret(G, share))) !== verificationKey)
      throw new TrusteeRefused("other-key-file", "this share does not belong to the election key");
    return share;
  }
}

function receive(secret: Uint8Array, sealed: string, points: readonly Point[], index: number, dealer: number): bigint {
  try {
    const share = parseScalar(openSealed(secret, fromHex(sealed)));
    if (timesSecret(G, share).equals(imageAt(points, index))) return share;
  } catch {
    // judged below, as any other share that is not what it should be
  }
  throw new TrusteeRefused("dealer-faulty", `the share of trustee ${dealer} is faulty`, dealer);
}

/** The polynomial's value at trustee `index`. */
export function evaluate(polynomial: readonly bigint[], index: number): bigint {
  return polynomial.reduceRight((value, coefficient) => mod(value * BigInt(index) + coefficient), 0n);
}

function randomScalar(): bigint {
  return toBig(newSchnorrKey().secret);
}

/** That the prover knows the secret behind secret*G, bound to `context`. */
export function proveKey(secret: bigint, context: Transcript): Proof {
  const nonce = randomScalar();
  const challenge = context
    .copy()
    .add("public", pointBytes(timesSecret(G, secret)))
    .add("commitment", pointBytes(timesSecret(G, nonce)))
    .scalar();
  return { challenge, response: mod(nonce + challenge * secret) };
}

/** That secret*G and secret*base have the same logarithm, bound to `context`. */
export function proveEqualLogs(secret: bigint, base: Point, context: Transcript): Proof {
  const nonce = randomScalar();
  const bound = context.copy();
  const points = {
    public: timesSecret(G, secret),
    base,
    image: timesSecret(base, secret),
    first: timesSecret(G, nonce),
    second: timesSecret(base, nonce),
  };
  for (const [label, point] of Object.entries(points)) bound.add(label, pointBytes(point));
  const challenge = bound.scalar();
  return { challenge, response: mod(nonce + challenge * secret) };
}

export const publicPoint = (text: string): Point => pointFrom(fromHex(text));

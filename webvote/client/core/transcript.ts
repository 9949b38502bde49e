// One way of hashing for the whole protocol: labelled, length-prefixed fields under a domain tag.
//
// Decides how fields are framed. Leaves to each use which fields go in, and in which order.

import { sha256 } from "@noble/hashes/sha2.js";
import { concat, toBig, u16, u32, u64, utf8, type Bytes } from "./bytes.ts";
import { ORDER } from "./group.ts";

const PROTOCOL = "stembus/v1";

function frame(label: string, value: Uint8Array): Uint8Array {
  const name = utf8(label);
  return concat(u16(name.length), name, u32(value.length), value);
}

/** A running SHA-256. `copy` lets many transcripts share a prefix. */
export class Transcript {
  private constructor(private readonly hash: ReturnType<typeof sha256.create>) {}

  static of(tag: string): Transcript {
    return new Transcript(sha256.create().update(frame(PROTOCOL, utf8(tag))));
  }

  copy(): Transcript {
    return new Transcript(this.hash.clone());
  }

  add(label: string, value: Uint8Array): this {
    this.hash.update(frame(label, value));
    return this;
  }

  /** An unsigned 64-bit integer. */
  addInt(label: string, value: number): this {
    return this.add(label, u64(value));
  }

  /** 32 bytes; the transcript may go on afterwards. */
  digest(): Bytes {
    return new Uint8Array(this.hash.clone().digest());
  }

  /** The digest as a challenge modulo the group order. */
  scalar(): bigint {
    return toBig(this.digest()) % ORDER;
  }
}

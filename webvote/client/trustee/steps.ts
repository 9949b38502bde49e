// A trustee's steps by name, each as it makes the signed entries.
//
// Decides nothing: when a step is due is in `standing`, what it states in `ceremony` and `count`.

import type { Bytes } from "../core/bytes.ts";
import { commit, confirm, drill, reveal, share } from "./ceremony.ts";
import { decrypt, intent } from "./count.ts";
import type { Member } from "./member.ts";
import type { Step } from "./standing.ts";

/** `now` is in Unix seconds. */
export type Make = (member: Member, now: number) => Bytes[];

export const STEPS: Readonly<Record<Step, Make>> = {
  commit: (member) => commit(member),
  reveal,
  share,
  confirm,
  drill,
  intent,
  decrypt,
};

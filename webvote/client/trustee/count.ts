// A trustee's steps of the count: announce the tree that is counted, then decrypt its sums (docs/protocol.md, 14.3, 14.4).
//
// Decrypts nothing that is handed to it: only the sums that were computed from the log, only after t trustees announced the
// same tree, and only ever those of the tree that it announced first. Leaves to `standing` when it is time.

import { fromHex, hex, type Bytes } from "../core/bytes.ts";
import { encodeCanonical } from "../core/canonical.ts";
import { pointBytes, scalarBytes, timesSecret } from "../core/group.ts";
import { shapeOf } from "../core/manifest-rules.ts";
import { Transcript } from "../core/transcript.ts";
import { sumsOf } from "../verify/shape.ts";
import { sumsDigest } from "../verify/sums.ts";
import { TrusteeRefused } from "./errors.ts";
import type { AnnouncedTree, TrusteeKey } from "./key-file.ts";
import { proveEqualLogs, type Member } from "./member.ts";

/** An intent ends the time in which a complaint can lead to a cancellation, whoever runs the log. `now` is in Unix
 * seconds. Throws `out-of-turn`. */
function demandComplaintsHeard({ log }: Member, now: number): void {
  const { complaint_seconds } = log.manifest;
  const since = log.tally.decidedAt;
  if (complaint_seconds > 0 && (since === null || now < since + complaint_seconds))
    throw new TrusteeRefused("out-of-turn", "people can still complain; announce after that");
}

/** The tree that is counted, the same for everybody. */
export function countedTree({ log }: Member): AnnouncedTree {
  return { size: log.tally.decided, root: log.tally.root, sums: sumsDigest(log.referendum, log.sums) };
}

/** The same. Throws `other-tree` unless it is the one that this trustee announced first, if any: as its file says, or else
 * the log, whose intents it signed. */
export function treeOf(member: Member): AnnouncedTree {
  const { key, log, number } = member;
  const tree = countedTree(member);
  const first = log.messages.find((entry) => entry.type === "tally-intent" && entry.body.trustee === number);
  const logged =
    first?.type === "tally-intent" ? { size: first.body.size, root: first.body.root, sums: first.body.sums } : null;
  const announced = key.announced ?? logged;
  if (announced !== null && encodeCanonical(announced) !== encodeCanonical(tree))
    throw new TrusteeRefused("other-tree", "this trustee has announced another tree before");
  return tree;
}

/** The key file as it must be kept before the announcement leaves. Opens the share first: else the others would learn
 * only at the decryption that this trustee cannot help. */
export function announcing(member: Member, now: number): TrusteeKey {
  demandComplaintsHeard(member, now);
  countShare(member);
  return { ...member.key, referendum: hex(member.log.referendum), announced: treeOf(member) };
}

/** Opens the share, and announces the tree and the sums. `member.key` is what `announcing` made, and is kept. */
export function intent(member: Member, now: number): Bytes[] {
  demandComplaintsHeard(member, now);
  const tree = treeOf(member);
  if (member.key.announced === null) throw new TrusteeRefused("out-of-turn", "the key file must be kept first");
  countShare(member);
  return [member.entry("tally-intent", { root: tree.root, size: tree.size, sums: tree.sums, trustee: member.number })];
}

function countShare(member: Member): bigint {
  return member.shareOf(member.attempt.electionKey?.verification_keys[member.number - 1]);
}

/** Once t trustees' sound intents stand in the log, this one's among them. */
export function decrypt(member: Member, now: number): Bytes[] {
  demandComplaintsHeard(member, now);
  const { log, number } = member;
  const announced = new Set(log.tally.intents.map(({ trustee }) => trustee));
  if (!announced.has(number) || announced.size < member.threshold)
    throw new TrusteeRefused("out-of-turn", "enough trustees, this one among them, announce first");
  const tree = treeOf(member);
  const secret = countShare(member);
  const remaining = log.sums.values();
  const decryptions = log.manifest.questions.map((question, q) =>
    Array.from({ length: sumsOf(shapeOf(question)) }, (_, k) => {
      const [base] = remaining.next().value ?? [];
      if (base === undefined) throw new TrusteeRefused("out-of-turn", "there is nothing to decrypt");
      const context = Transcript.of("decryption")
        .add("referendum", log.referendum)
        .add("root", fromHex(tree.root))
        .addInt("trustee", number)
        .addInt("question", q)
        .addInt("sum", k);
      const { challenge, response } = proveEqualLogs(secret, base, context);
      return {
        challenge: hex(scalarBytes(challenge)),
        point: hex(pointBytes(timesSecret(base, secret))),
        response: hex(scalarBytes(response)),
      };
    }),
  );
  return [member.entry("partial-decryption", { decryptions, root: tree.root, trustee: number })];
}

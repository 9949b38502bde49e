// What the client checks before it encrypts: the log from its beginning to the entry `open`.
//
// Decides as the full verifier does (V2, V3, V8 to V12), against the checkpoint of the opening that a quorum of
// witnesses has signed. So nobody can be shown a referendum that others do not see. Leaves the published lists, and
// everything after the opening, to auditors.

import { sha256 } from "@noble/hashes/sha2.js";
import { equal, hex, type Bytes } from "./bytes.ts";
import { Ceremony } from "./ceremony.ts";
import { contextOf, type BallotContext } from "./context.ts";
import { checkSignatures, parseEntry, type Body, type Entry } from "./entries.ts";
import { ClientError, withErrorCode } from "./errors.ts";
import { LogReader, withLatestHead, type ReadLogFile } from "./log.ts";
import { parseManifest, referendumId, type Manifest } from "./manifest.ts";
import { hashRoot, leafHash } from "./merkle.ts";
import { checkLogSignature, checkQuorum, parseCheckpoint } from "./note.ts";

export type ClientRelease = Body<"client">;

/** A referendum that passed these checks: what a ballot is made from. */
export interface Setup {
  readonly manifest: Manifest;
  readonly manifestRaw: Uint8Array;
  readonly electionKeyRaw: Uint8Array;
  readonly referendum: Bytes;
  readonly context: BallotContext;
  /** The log's size after its entry `open`. */
  readonly openSize: number;
  /** The `client` entries before the opening, in log order. */
  readonly releases: readonly ClientRelease[];
}

function need(condition: boolean, code: string, problem: string): asserts condition {
  if (!condition) throw new ClientError(code, problem);
}

/** Throws `setup-id`, `setup-log`, `setup-ceremony`, `setup-witnesses`, `setup-not-open` or `setup-cancelled`. */
export function loadSetup(readFile: ReadLogFile, referendum: Uint8Array): Promise<Setup> {
  // Not a doubt about the referendum: this browser cannot check one.
  if (!("subtle" in crypto)) return Promise.reject(new ClientError("old"));
  return withLatestHead(readFile, (head) =>
    withErrorCode("setup-log", () => loadUnderHead(readFile, head, new Uint8Array(referendum))),
  );
}

async function loadUnderHead(readFile: ReadLogFile, headRaw: Uint8Array, referendum: Bytes): Promise<Setup> {
  const head = parseCheckpoint(headRaw);
  const reader = new LogReader(readFile, head.size);
  const manifestRaw = await reader.entry(0);
  need(equal(referendumId(manifestRaw), referendum), "setup-id", "another referendum");
  const manifest = parseManifest(manifestRaw);
  await checkLogSignature(manifest, head);
  const sequence = new OpeningSequence(manifest, referendum);
  const leaves = [leafHash(manifestRaw)];
  for (let index = 1; index < head.size; index++) {
    const raw = await reader.entry(index);
    leaves.push(leafHash(raw));
    const entry = parseEntry(raw);
    await checkSignatures(manifest, referendum, entry);
    sequence.take(entry, raw, () => hashRoot(leaves));
    if (entry.type !== "open") continue;
    await checkOpening(readFile, manifest, leaves);
    const { election, releases } = sequence;
    need(election !== null, "setup-ceremony", "no election key");
    const context = contextOf(manifest, referendum, election.raw, election.body.joint_key);
    return {
      manifest,
      manifestRaw,
      electionKeyRaw: election.raw,
      referendum,
      context,
      openSize: leaves.length,
      releases,
    };
  }
  throw new ClientError("setup-not-open", "voting is not open yet");
}

async function checkOpening(readFile: ReadLogFile, manifest: Manifest, leaves: readonly Uint8Array[]): Promise<void> {
  const seen = parseCheckpoint(await readFile(`checkpoints/${leaves.length}`));
  await checkLogSignature(manifest, seen);
  need(seen.size === leaves.length && equal(seen.root, hashRoot(leaves)), "setup-log", "another tree at the opening");
  await checkQuorum(manifest, seen);
}

const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  ceremony: ["commit", "reveal", "share", "confirm", "complaint", "drill", "election-key", "incident", "cancel"],
  keyed: ["roll", "incident", "cancel"],
  rolled: ["client", "open", "replace", "drill", "incident", "cancel"],
};

/** Which entry may follow which, up to the opening (docs/protocol.md, 8). */
class OpeningSequence {
  election: { readonly body: Body<"election-key">; readonly raw: Uint8Array } | null = null;
  readonly releases: ClientRelease[] = [];
  private readonly ceremony: Ceremony;
  private readonly replaced = new Set<string>();
  private phase = "ceremony";
  private incidents = 0;

  constructor(manifest: Manifest, referendum: Uint8Array) {
    this.ceremony = new Ceremony(referendum, manifest.trustees.members.length, manifest.trustees.threshold);
  }

  take(entry: Entry, raw: Uint8Array, root: () => Uint8Array): void {
    need(
      ALLOWED[this.phase]?.includes(entry.type) ?? false,
      "setup-log",
      `an entry ${entry.type} in the phase ${this.phase}`,
    );
    if (this.phase === "ceremony") this.ceremony.take(entry, root);
    else if (entry.type === "drill") this.ceremony.takeAgain(entry.body);
    switch (entry.type) {
      case "election-key":
        this.election = { body: entry.body, raw };
        this.phase = "keyed";
        break;
      case "roll":
        this.phase = "rolled";
        break;
      case "client":
        this.releases.push(entry.body);
        break;
      case "replace": {
        const { struck, replacement } = entry.body;
        need(
          struck !== replacement && !this.replaced.has(struck) && !this.replaced.has(replacement),
          "setup-log",
          "a letter replaced twice",
        );
        this.replaced.add(struck).add(replacement);
        break;
      }
      case "incident":
        need(entry.body.number === ++this.incidents, "setup-log", "an incident out of its turn");
        break;
      case "cancel":
        throw new ClientError("setup-cancelled", "the referendum was cancelled");
      case "open":
        need(
          this.election !== null && entry.body.election_key === hex(sha256(this.election.raw)),
          "setup-ceremony",
          "another election key",
        );
        break;
      default:
    }
  }
}

/** A path below the client's address. */
function isPath(path: string): boolean {
  const plain = /^[A-Za-z0-9._~-]+(\/[A-Za-z0-9._~-]+)*$/.test(path) && path.length <= 200;
  return plain && !path.split("/").some((part) => part === "." || part === "..");
}

/** The file hashes of all client releases before the opening. Throws `setup-log` for a malformed one (V29). */
export function checkClientEntries({ releases }: Setup): readonly ClientRelease[] {
  const sound = releases.every(
    ({ files, release }) =>
      /^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$/.test(release) &&
      files.length > 0 &&
      files.every(({ path }, k) => isPath(path) && (k === 0 || (files[k - 1]?.path ?? "") < path)),
  );
  need(sound, "setup-log", "client files out of order, or a name that is not plain");
  return releases;
}

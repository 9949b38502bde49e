// The core at a terminal, for tests against the Python reference: one JSON request a line in, one JSON answer out.
//
// Decides only how a request names its operation; byte strings are hexadecimal, and an error answers with its code.
// Leaves everything else to the core. It is no part of what voters load.

import "../page/mldsa.ts";
import type { QuestionShape } from "../core/ballot-shape.ts";
import { buildBody, prepareBallot, rebuildBallotId, signBallot, turnOf } from "../core/ballot.ts";
import { fromHex, hex, utf8 } from "../core/bytes.ts";
import { encodeCanonical, parseCanonical } from "../core/canonical.ts";
import { codeFromFragment, credentialKey, formatCode, parseCode, recordName } from "../core/code.ts";
import { BallotContext } from "../core/context.ts";
import { verifyEd25519 } from "../core/ed25519.ts";
import { BallotRefused, ClientError } from "../core/errors.ts";
import { normaliseFactor, type FactorKind } from "../core/factor.ts";
import { pointFrom } from "../core/group.ts";
import type { ReadLogFile } from "../core/log.ts";
import { parseManifest } from "../core/manifest.ts";
import { countWitnesses, parseCheckpoint } from "../core/note.ts";
import { findFates, type Fate } from "../core/ballot-fate.ts";
import { findBallot, type Signposts } from "../core/find-ballot.ts";
import { findLetter } from "../core/letter-fate.ts";
import { checkPromise, checkReceipt } from "../core/receipt.ts";
import { bounded, settled, type SentBallot } from "../core/sent-ballots.ts";
import { loadSetup, type Setup } from "../core/setup.ts";
import { makeAcknowledgement, makeRequest, newPass, passFromJson, passToJson, takeAnswer } from "../core/token.ts";
import { Transcript } from "../core/transcript.ts";
import { verifyBallot } from "../core/verify-ballot.ts";
import { answerEach, files, text, type Fields } from "./terminal.ts";

type Choice = readonly (readonly number[])[];

const bytes = (request: Fields, name: string): Uint8Array => fromHex(text(request, name));

function folder(request: Fields, asked: string[] = []): ReadLogFile {
  return async (path) => {
    asked.push(path);
    try {
      return new Uint8Array(await files.readFile(`${text(request, "folder")}/${path}`));
    } catch {
      throw new ClientError("network", `${path} is not there`);
    }
  };
}

const setups = new Map<string, Promise<Setup>>();

/** The same folder under the same number is read once. */
function setup(request: Fields): Promise<Setup> {
  const name = `${text(request, "folder")} ${text(request, "referendum")}`;
  const found = setups.get(name) ?? loadSetup(folder(request), bytes(request, "referendum"));
  setups.set(name, found);
  return found;
}

function bareContext(request: Fields): BallotContext {
  const questions = request.questions as readonly QuestionShape[];
  return new BallotContext(
    bytes(request, "referendum"),
    bytes(request, "election_key"),
    pointFrom(bytes(request, "joint_key")),
    [],
    questions,
    1,
  );
}

const operations: Readonly<Record<string, (request: Fields) => unknown>> = {
  transcript(request) {
    const fields = request.fields as readonly (readonly [string, string])[];
    const transcript = Transcript.of(text(request, "tag"));
    for (const [label, value] of fields) transcript.add(label, fromHex(value));
    return { digest: hex(transcript.digest()), scalar: transcript.scalar().toString(16).padStart(64, "0") };
  },
  canonical: (request) => hex(utf8(encodeCanonical(parseCanonical(bytes(request, "data"))))),
  ed25519: (request) => verifyEd25519(bytes(request, "key"), bytes(request, "message"), bytes(request, "signature")),
  code(request) {
    const symbols = parseCode(text(request, "typed"));
    const key = credentialKey(symbols, bytes(request, "referendum"));
    const record = recordName(symbols, bytes(request, "referendum"));
    return { symbols, printed: formatCode(symbols), secret: hex(key.secret), credential: hex(key.publicKey), record };
  },
  fragment(request) {
    const found = codeFromFragment(text(request, "fragment"));
    return { code: found.code ?? null, referendum: found.referendum === undefined ? null : hex(found.referendum) };
  },
  factor: (request) => normaliseFactor(request.kind as FactorKind, text(request, "typed")),
  token(request) {
    const context = bareContext(request);
    const key = bytes(request, "token_key");
    return {
      message: hex(context.tokenMessage(key)),
      commitment: hex(context.tokenCommitment(key, bytes(request, "nonce"))),
    };
  },
  body(request) {
    const context = bareContext(request);
    const [commitment, seed] = [bytes(request, "token_commitment"), bytes(request, "seed")];
    const body = buildBody(context, commitment, request.choice as Choice, seed);
    const { commitmentsAt, scalarsAt } = context;
    const challenges = context.challenges(
      commitment,
      body.slice(32, commitmentsAt),
      body.slice(commitmentsAt, scalarsAt),
    );
    return {
      body: hex(body),
      ballot_id: hex(context.ballotId(body)),
      rebuilt: hex(rebuildBallotId(context, commitment, request.choice as Choice, seed)),
      challenges: challenges.map((challenge) => challenge.toString(16).padStart(64, "0")),
    };
  },
  checkManifest(request) {
    parseManifest(bytes(request, "raw"));
    return true;
  },
  countWitnesses(request) {
    return countWitnesses(parseManifest(bytes(request, "manifest")), parseCheckpoint(bytes(request, "checkpoint")));
  },
  async loadSetup(request) {
    const { referendum, openSize } = await loadSetup(folder(request), bytes(request, "referendum"));
    return { referendum: hex(referendum), openSize };
  },
  async checkBallot(request) {
    const { ballotId, seq } = await verifyBallot((await setup(request)).context, bytes(request, "raw"));
    return { ballot_id: hex(ballotId), seq };
  },
  newPass: async (request) => passToJson(await newPass((await setup(request)).context)),
  readPass: (request) => passToJson(passFromJson(text(request, "pass"))),
  makeRequest(request) {
    const credential = credentialKey(parseCode(text(request, "code")), bytes(request, "referendum"));
    return makeRequest(
      passFromJson(text(request, "pass")),
      Number(request.registrar),
      credential,
      text(request, "factor"),
    );
  },
  makeAcknowledgement(request) {
    const credential = credentialKey(parseCode(text(request, "code")), bytes(request, "referendum"));
    return makeAcknowledgement(passFromJson(text(request, "pass")), Number(request.registrar), credential);
  },
  async takeAnswer(request) {
    const pass = passFromJson(text(request, "pass"));
    return passToJson(
      await takeAnswer((await setup(request)).context, pass, Number(request.registrar), bytes(request, "answer")),
    );
  },
  async cast(request) {
    const { context } = await setup(request);
    const pass = passFromJson(text(request, "pass"));
    const prepared = prepareBallot(context, pass, request.choice as Choice);
    return {
      raw: hex(signBallot(context, pass, prepared, Number(request.seq))),
      ballot_id: hex(prepared.ballotId),
      seed: hex(prepared.seed),
      commitment: hex(prepared.commitment),
    };
  },
  async turnOf(request) {
    return turnOf((await setup(request)).context, passFromJson(text(request, "pass")), bytes(request, "raw"));
  },
  async checkPromise(request) {
    const { manifest, referendum } = await setup(request);
    return checkPromise(manifest, referendum, utf8(text(request, "promise")));
  },
  async checkReceipt(request) {
    await checkReceipt((await setup(request)).manifest, text(request, "receipt"), bytes(request, "entry"));
    return true;
  },
  async findBallot(request) {
    const asked: string[] = [];
    const castHash = request.cast_hash === null ? null : bytes(request, "cast_hash");
    const wanted = { ballotId: bytes(request, "ballot_id"), castHash, batch: request.batch as number | null };
    const found = await findBallot(
      folder(request, asked),
      await setup(request),
      wanted,
      (request.signposts ?? []) as Signposts,
    );
    return { ...found, asked };
  },
  async findFates(request) {
    const asked: string[] = [];
    const sent = request.sent as readonly { readonly raw: string; readonly batches: readonly number[] }[];
    const fates = await findFates(
      folder(request, asked),
      await setup(request),
      sent.map(({ raw, batches }) => ({ raw: fromHex(raw), batches })),
      async () => (request.signposts ?? []) as Signposts,
    );
    return { fates, asked };
  },
  async findLetter(request) {
    const asked: string[] = [];
    const credential = request.credential === undefined ? null : fromHex(text(request, "credential"));
    const { asked: requested = 0, ...fate } = {
      asked: 0,
      ...(await findLetter(folder(request, asked), await setup(request), credential)),
    };
    return { ...fate, requested, files: asked };
  },
  bounded: (request) => bounded(request.ballots as readonly SentBallot[], Number(request.characters)),
  settled: (request) => settled(request.ballot as SentBallot, request.fate as Fate),
};

async function answer(line: string): Promise<Fields> {
  try {
    const request = JSON.parse(line) as Fields;
    return { result: await operations[text(request, "do")]?.(request) };
  } catch (error) {
    if (error instanceof BallotRefused) return { error: error.code, check: error.check };
    if (error instanceof ClientError) return { error: error.code, message: error.message };
    return { error: "unexpected", message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

await answerEach(answer);

// The trustees' steps at a terminal, for tests against the Python reference: one JSON request a line, one answer a line.
//
// Decides only how a request names its operation. Leaves everything else to `trustee`. It is no part of what is served.

import "../page/mldsa.ts";
import { fromHex, fromUtf8, hex, utf8 } from "../core/bytes.ts";
import { openSealed, sealTo } from "../core/sealed-box.ts";
import { commit, complain } from "../trustee/ceremony.ts";
import { announcing } from "../trustee/count.ts";
import { TrusteeRefused } from "../trustee/errors.ts";
import { attemptSecrets, keyBytes, newTrusteeKey, parseTrusteeKey, publicKeyOf } from "../trustee/key-file.ts";
import { Member } from "../trustee/member.ts";
import { openWithPassphrase, sealWithPassphrase } from "../trustee/sealed.ts";
import { standingOf } from "../trustee/standing.ts";
import { STEPS, type Make } from "../trustee/steps.ts";
import { verify } from "../verify/engine.ts";
import type { VerifiedLog } from "../verify/verified-log.ts";
import { ZipPlace } from "../verify/zip.ts";
import { answerEach, files, text, type Fields } from "./terminal.ts";

async function verified(request: Fields): Promise<VerifiedLog> {
  const data = new Uint8Array(await files.readFile(text(request, "zip")));
  const place = await ZipPlace.open({ size: data.length, slice: async (start, end) => data.slice(start, end) });
  const report = await verify(place, fromHex(text(request, "referendum")));
  if (report.log === null) throw new TrusteeRefused("not-verified", JSON.stringify(report.faults));
  return report.log;
}

const BY_NAME: Readonly<Record<string, Make>> = { ...STEPS, again: (member) => commit(member, true), complain };

const operations: Readonly<Record<string, (request: Fields) => unknown>> = {
  newKey: () => fromUtf8(keyBytes(newTrusteeKey())),
  publicKey: (request) => publicKeyOf(parseTrusteeKey(utf8(text(request, "key")))),
  attempt(request) {
    const key = parseTrusteeKey(utf8(text(request, "key")));
    const secrets = attemptSecrets(key, fromHex(text(request, "referendum")), Number(request.attempt), 3, 4);
    return [secrets.polynomial.map(String), secrets.receivingSecrets.map(hex)];
  },
  sealTo: (request) => hex(sealTo(fromHex(text(request, "key")), fromHex(text(request, "message")))),
  openSealed: (request) => hex(openSealed(fromHex(text(request, "secret")), fromHex(text(request, "box")))),
  seal: async (request) => fromUtf8(await sealWithPassphrase(utf8(text(request, "content")), text(request, "word"))),
  open: async (request) => fromUtf8(await openWithPassphrase(utf8(text(request, "sealed")), text(request, "word"))),
  async standing(request) {
    return standingOf(
      new Member(await verified(request), parseTrusteeKey(utf8(text(request, "key")))),
      Number(request.now),
    );
  },
  async step(request) {
    const log = await verified(request);
    let key = parseTrusteeKey(utf8(text(request, "key")));
    if (text(request, "step") === "intent") key = announcing(new Member(log, key), Number(request.now));
    const entries = BY_NAME[text(request, "step")]?.(new Member(log, key), Number(request.now)) ?? [];
    return { entries: entries.map(hex), key: fromUtf8(keyBytes(key)) };
  },
};

async function answer(line: string): Promise<Fields> {
  try {
    const request = JSON.parse(line) as Fields;
    return { result: await operations[text(request, "do")]?.(request) };
  } catch (error) {
    if (error instanceof TrusteeRefused) return { error: error.code, message: error.message, trustee: error.trustee };
    return { error: "unexpected", message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

await answerEach(answer);

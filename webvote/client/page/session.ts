// One voter on one device: has the letter checked, gets the token, casts, and keeps what must not be lost.
//
// Decides the order of storing and sending: the pass is stored before it is used, and a signed ballot, with its turn used
// up, before it is sent. The token is requested when the vote is cast, not earlier, so a voter who stops before has used
// up nothing. After any interruption it goes on from what was stored. Leaves what is kept of a ballot to
// `core/sent-ballots`, looking for it in the log to `safety-net`, and what is shown to the booth and the pages.

import { equal, fromHex, hex } from "../core/bytes.ts";
import { credentialKey, recordName } from "../core/code.ts";
import { checkAnswer, type PromiseRecord } from "../core/receipt.ts";
import { signBallot, turnOf, type PreparedBallot } from "../core/ballot.ts";
import type { Setup } from "../core/setup.ts";
import {
  checkToken,
  isComplete,
  makeAcknowledgement,
  makeRequest,
  newPass,
  passFromJson,
  passToJson,
  passName,
  takeAnswer,
  type VotingPass,
} from "../core/token.ts";
import { sha256 } from "@noble/hashes/sha2.js";
import { bounded, changed, newest, newlySent, unfound, withPromise, type SentBallot } from "../core/sent-ballots.ts";
import { Registrars } from "./registrars.ts";
import { ServiceError, castAgain, castBallot } from "./services.ts";
import { DeviceStorage, withVoterLock, newRecord, type VoterRecord, type VoterStorage } from "./storage.ts";

export class Session {
  private constructor(
    readonly setup: Setup,
    readonly voter: string,
    private readonly storage: VoterStorage,
  ) {}

  /** Goes on with a voter of this device, if it knows one by this name and need not ask for the code again. */
  static resume(setup: Setup, voter: string): Session | null {
    const storage = new DeviceStorage(hex(setup.referendum), voter);
    const record = storage.read();
    if (record === null || (!isComplete(passFromJson(record.pass)) && storage.tokenRequests().length === 0))
      return null;
    return new Session(setup, voter, storage);
  }

  /** Stores a new pass for this letter, or goes on with the stored one. Sends nothing. */
  static async begin(
    setup: Setup,
    symbols: string,
    factor: string,
    incompletePass: VotingPass | null,
    storageFor: (voter: string) => VoterStorage,
  ): Promise<Session> {
    const credential = credentialKey(symbols, setup.referendum);
    const voter = recordName(symbols, setup.referendum);
    const session = new Session(setup, voter, storageFor(voter));
    await withVoterLock(voter, async () => {
      const { storage } = session;
      if (storage.read() === null)
        storage.write({
          ...newRecord(passToJson(incompletePass ?? (await newPass(setup.context)))),
          asked: incompletePass !== null,
        });
      const { pass } = session;
      const registrars = isComplete(pass) ? [] : setup.manifest.registrars.map((_, k) => k + 1);
      storage.keepTokenRequests(registrars.map((number) => makeRequest(pass, number, credential, factor)));
      if (registrars.length > 0)
        session.update({ unsaid: registrars.map((number) => makeAcknowledgement(pass, number, credential)) });
    });
    return session;
  }

  /** The records of this device that still have a ballot to look for, without asking anybody for a code. */
  static unfinished(setup: Setup): Session[] {
    const referendum = hex(setup.referendum);
    return DeviceStorage.voters(referendum)
      .map((voter) => new Session(setup, voter, new DeviceStorage(referendum, voter)))
      .filter(({ ballots }) => unfound(ballots).length > 0);
  }

  /** Goes on with a complete pass from another device. Throws pass-damaged unless every registrar signed its token. */
  static async adopt(setup: Setup, pass: VotingPass): Promise<Session> {
    await checkToken(setup.context, pass);
    const voter = passName(pass);
    const storage = new DeviceStorage(hex(setup.referendum), voter);
    if (storage.read() === null) storage.write({ ...newRecord(passToJson(pass)), asked: true });
    storage.setCurrentVoter(voter);
    return new Session(setup, voter, storage);
  }

  /** Asks the registrars whether this letter may vote. Nothing is used up but a try, by a wrong second factor. */
  async checkLetter(): Promise<void> {
    await withVoterLock(this.voter, async () => {
      if (!this.hasToken) await this.registrars.check();
    });
    this.storage.setCurrentVoter(this.voter);
  }

  /** Exchanges code and second factor for a token. A registrar that has answered is not asked again. */
  async fetchToken(): Promise<void> {
    await withVoterLock(this.voter, async () => {
      if (this.hasToken) return;
      this.update({ asked: true });
      await this.registrars.sign(async (registrar, answer) => {
        this.update({ pass: passToJson(await takeAnswer(this.setup.context, this.pass, registrar, answer)) });
      });
    });
    this.storage.keepTokenRequests([]);
  }

  private get registrars(): Registrars {
    return new Registrars(
      this.setup.manifest.registrars.map(({ url }) => url),
      this.storage,
    );
  }

  /** What each registrar is to be told now that a ballot is promised; null for who was told. */
  get unsaid(): VoterRecord["unsaid"] {
    const isPromised = this.ballots.some(({ promises }) => promises.length > 0);
    return isPromised ? (this.storage.read()?.unsaid ?? []) : [];
  }

  /** The registrar at `index` was told, or takes nothing more. */
  markSaid(index: number): void {
    const now = this.storage.read();
    if (now !== null) this.update({ unsaid: now.unsaid.map((said, k) => (k === index ? null : said)) });
  }

  private record(): VoterRecord {
    const record = this.storage.read();
    if (record === null) throw new ServiceError("gone");
    return record;
  }

  /** Stores changes to this voter's record. */
  private update(changes: Partial<VoterRecord>): void {
    this.storage.write({ ...this.record(), ...changes });
  }

  get pass(): VotingPass {
    return passFromJson(this.record().pass);
  }

  /** Whether every registrar has signed the token. */
  get hasToken(): boolean {
    return isComplete(this.pass);
  }

  /** What left this device, in the order of turns. */
  get ballots(): readonly SentBallot[] {
    return this.storage.read()?.ballots ?? [];
  }

  private get unanswered(): SentBallot | null {
    return this.ballots.find(({ state }) => state === "unanswered") ?? null;
  }

  /** Whether a signed ballot has no promise yet. */
  get waiting(): boolean {
    return this.unanswered !== null;
  }

  private get withoutUnanswered(): readonly SentBallot[] {
    return changed(this.ballots, this.unanswered?.cast_hash ?? "", { state: "refused" });
  }

  get waitingBallot(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(fromHex(this.unanswered?.raw ?? ""));
  }

  /** The newest ballot that the box has promised or the log holds. */
  get last(): SentBallot | null {
    return newest(this.ballots.filter(({ state }) => state !== "unanswered" && state !== "refused"));
  }

  /** Whether another device has cast with this pass, as far as this one knows. */
  get castElsewhere(): boolean {
    return this.pass.casts > this.ballots.length;
  }

  get mayCast(): boolean {
    return this.pass.casts < this.setup.context.maxCasts;
  }

  /** Signs, stores and sends a ballot. One that was stored before and not answered is sent first, unchanged. */
  async cast(prepared: PreparedBallot): Promise<void> {
    await withVoterLock(this.voter, async () => {
      const body = this.waitingBallot.subarray(1, 1 + prepared.body.length);
      if (!equal(body, prepared.body)) {
        if (this.waiting) await this.send(null);
        this.sign(prepared, this.pass);
      }
      await this.send(prepared);
    });
  }

  /** Sends the stored ballot that was not answered, if there is one. */
  async resend(): Promise<void> {
    await withVoterLock(this.voter, async () => {
      if (this.waiting) await this.send(null);
    });
  }

  /** Puts the ballot aside that the box refused, so that another one can be made, for a later turn. */
  async setAside(): Promise<void> {
    await withVoterLock(this.voter, async () => {
      this.update({ ballots: this.withoutUnanswered });
    });
  }

  private sign(prepared: PreparedBallot, pass: VotingPass): void {
    if (pass.casts >= this.setup.context.maxCasts) throw new ServiceError("too-many-casts");
    // From here on this ballot may be counted, so it must not be tested any more: the seed is erased first.
    prepared.seed.fill(0);
    const raw = signBallot(this.setup.context, pass, prepared, pass.casts);
    // Its turn is used, whatever the box answers: no other ballot is ever signed for it.
    this.update({
      pass: passToJson({ ...pass, casts: pass.casts + 1 }),
      ballots: bounded([...this.withoutUnanswered, newlySent(this.setup.context, raw)]),
    });
  }

  private async send(prepared: PreparedBallot | null): Promise<void> {
    const raw = this.waitingBallot;
    try {
      await this.keepPromise(raw, await castBallot(this.setup.manifest.box.url, raw));
    } catch (error) {
      if (!(error instanceof ServiceError) || error.code !== "out-of-turn") throw error;
      // Another device with this pass has cast meanwhile. The newest ballot counts, so this one takes a later turn.
      const pass = this.afterShown(error, raw);
      if (prepared === null) throw error;
      this.sign(prepared, pass);
      const again = this.waitingBallot;
      await this.keepPromise(again, await castBallot(this.setup.manifest.box.url, again));
    }
  }

  /** Hands a ballot in once more, as it is: the log lacks it. Throws what the box refuses with, and promise-old for a
   * promise of a batch that stands without it. */
  async handInAgain({ cast_hash, raw, promises }: SentBallot): Promise<PromiseRecord> {
    const sent = new Uint8Array(fromHex(raw ?? ""));
    return withVoterLock(this.voter, async () => {
      try {
        const answer = await castAgain(this.setup.manifest, sent, promises);
        const promise = await checkAnswer(this.setup.manifest, this.setup.context, sent, answer);
        const missed = promises.map((text) => (JSON.parse(text) as PromiseRecord).batch);
        if (missed.some((batch) => promise.batch <= batch)) throw new ServiceError("promise-old");
        this.keep(cast_hash, (ballot) => withPromise(ballot, new TextDecoder().decode(answer)));
        return promise;
      } catch (error) {
        if (error instanceof ServiceError && error.code === "out-of-turn") this.afterShown(error, sent);
        throw error;
      }
    });
  }

  /** Stores a change of one ballot; not of one whose record was removed meanwhile. */
  keep(castHash: string, change: (ballot: SentBallot) => SentBallot): void {
    if (this.storage.read() === null) return;
    this.update({ ballots: this.ballots.map((one) => (one.cast_hash === castHash ? change(one) : one)) });
  }

  /** The pass, stored with the turn after that of the ballot which the box shows. Throws turn-unproven unless another
   * device made that ballot with this pass, and it took the turn of the ballot `sent` or a later one. A ballot that this
   * device signed proves nothing. */
  private afterShown(refusal: ServiceError, sent: Uint8Array): VotingPass {
    const { context } = this.setup;
    const text = refusal.detail.current;
    const shown = typeof text === "string" && /^([0-9a-f]{2})+$/.test(text) ? fromHex(text) : new Uint8Array();
    const turn = turnOf(context, this.pass, shown);
    const own = this.ballots.some(({ cast_hash }) => cast_hash === hex(sha256(shown)));
    if (turn < context.seqOf(sent) || own) throw new ServiceError("turn-unproven");
    const pass = { ...this.pass, casts: Math.max(turn + 1, this.pass.casts) };
    this.update({ pass: passToJson(pass) });
    return pass;
  }

  /** Stores the promise, once it is checked against the bytes that were sent. */
  private async keepPromise(raw: Uint8Array, answer: Uint8Array): Promise<void> {
    await checkAnswer(this.setup.manifest, this.setup.context, raw, answer);
    this.keep(hex(sha256(raw)), (ballot) => withPromise(ballot, new TextDecoder().decode(answer)));
  }

  remove(): void {
    this.storage.remove();
  }
}

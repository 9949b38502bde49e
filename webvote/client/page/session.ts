// One voter on one device, without the page: gets the token, casts, and keeps what must not be lost.
//
// Order is everything here: the pass is stored before it is used, a signed ballot before it is sent, a promise
// before the ballot is let go. What is interrupted anywhere goes on from what was stored.
import { equal, fromHex, hex } from "../core/bytes.ts";
import { credentialKey } from "../core/code.ts";
import { prepare, signBallot, type PreparedBallot } from "../core/ballot.ts";
import { checkPromise } from "../core/receipt.ts";
import type { Setup } from "../core/setup.ts";
import { isComplete, makeRequest, newPass, passFromJson, passToJson, takeAnswer, tokenPublic, type VotingPass } from "../core/token.ts";
import { sha256 } from "@noble/hashes/sha2.js";
import { ServiceError, askToken, castBallot } from "./services.ts";
import { Store, alone, setCurrent, type Memory } from "./store.ts";

export class Session {
  private constructor(
    readonly setup: Setup,
    readonly voter: string,
    private readonly store: Store,
  ) {}

  /** Goes on with a voter of this device, if it knows one by this name. */
  static resume(setup: Setup, voter: string): Session | null {
    const store = new Store(hex(setup.referendum), voter);
    const memory = store.read();
    if (memory === null || !isComplete(passFromJson(memory.pass))) return null;
    return new Session(setup, voter, store);
  }

  /** Exchanges code and second factor for a token; asks nothing that was answered before. */
  static async begin(setup: Setup, symbols: string, factor: string, given: VotingPass | null): Promise<Session> {
    const credential = credentialKey(symbols, setup.referendum);
    const voter = hex(credential.publicKey);
    return alone(voter, async () => {
      const store = new Store(hex(setup.referendum), voter);
      const known = store.read();
      const before = known === null ? (given ?? (await newPass(setup.context))) : passFromJson(known.pass);
      let memory: Memory = known ?? { pass: passToJson(before), waiting: null, promises: [] };
      store.write(memory);
      let pass = before;
      for (const [index, registrar] of setup.manifest.registrars.entries()) {
        if (pass.signatures[index] !== null) continue;
        try {
          const answer = await askToken(registrar.url, makeRequest(pass, index + 1, credential, factor));
          pass = await takeAnswer(setup.context, pass, index + 1, answer);
        } catch (error) {
          // This letter's token went to another pass: ours never got one and never will.
          if (error instanceof ServiceError && ["token-issued", "credential-unknown"].includes(error.code) && known === null) store.remove();
          throw error;
        }
        memory = { ...memory, pass: passToJson(pass) };
        store.write(memory);
      }
      setCurrent(voter);
      return new Session(setup, voter, store);
    });
  }

  /** Goes on with a complete pass from another device. */
  static adopt(setup: Setup, pass: VotingPass): Session {
    const voter = hex(tokenPublic(pass));
    const store = new Store(hex(setup.referendum), voter);
    if (store.read() === null) store.write({ pass: passToJson(pass), waiting: null, promises: [] });
    setCurrent(voter);
    return new Session(setup, voter, store);
  }

  private memory(): Memory {
    const memory = this.store.read();
    if (memory === null) throw new ServiceError("storage");
    return memory;
  }

  get pass(): VotingPass {
    return passFromJson(this.memory().pass);
  }

  get waiting(): boolean {
    return this.memory().waiting !== null;
  }

  get waitingBallot(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(fromHex(this.memory().waiting ?? ""));
  }

  /** The last promise, as the box sent it. */
  get promise(): string | null {
    return this.memory().promises.at(-1) ?? null;
  }

  get mayCast(): boolean {
    return this.pass.casts < this.setup.context.maxCasts;
  }

  prepare(choice: readonly (readonly number[])[]): PreparedBallot {
    return prepare(this.setup.context, this.pass, choice);
  }

  /** Signs, stores, sends. A ballot that was stored before and never answered goes first, as it is. */
  async cast(prepared: PreparedBallot): Promise<void> {
    await alone(this.voter, async () => {
      const body = this.waitingBallot.subarray(1, 1 + prepared.body.length);
      if (!equal(body, prepared.body)) {
        if (this.waiting) await this.send(null);
        this.sign(prepared, this.pass);
      }
      await this.send(prepared);
    });
  }

  /** Sends what is still waiting. */
  async resend(): Promise<void> {
    await alone(this.voter, async () => {
      if (this.waiting) await this.send(null);
    });
  }

  private sign(prepared: PreparedBallot, pass: VotingPass): void {
    if (pass.casts >= this.setup.context.maxCasts) throw new ServiceError("too-many-casts");
    const raw = signBallot(this.setup.context, pass, prepared, pass.casts);
    this.store.write({ ...this.memory(), pass: passToJson(pass), waiting: hex(raw) });
  }

  private async send(prepared: PreparedBallot | null): Promise<void> {
    const raw = this.waitingBallot;
    try {
      const answer = await castBallot(this.setup.manifest.box.url, raw);
      this.keep(raw, answer);
    } catch (error) {
      if (!(error instanceof ServiceError) || error.code !== "out-of-turn") throw error;
      // Another device with this pass has cast meanwhile. The newest wish counts: take the next turn.
      const next = error.detail["next"];
      if (typeof next !== "number") throw error;
      const pass = { ...this.pass, casts: next };
      this.store.write({ ...this.memory(), pass: passToJson(pass), waiting: null });
      if (prepared === null) return;
      this.sign(prepared, pass);
      const again = this.waitingBallot;
      this.keep(again, await castBallot(this.setup.manifest.box.url, again));
    }
  }

  /** Checks the promise against the very bytes that were sent before the ballot is let go. */
  private keep(raw: Uint8Array, answer: Uint8Array): void {
    const promise = checkPromise(this.setup.manifest, this.setup.referendum, answer);
    if (!equal(fromHex(promise.cast_hash), sha256(raw))) throw new ServiceError("promise-invalid");
    const memory = this.memory();
    const pass = passFromJson(memory.pass);
    this.store.write({
      pass: passToJson({ ...pass, casts: pass.casts + 1 }),
      waiting: null,
      promises: [...memory.promises, new TextDecoder().decode(answer)],
    });
  }

  remove(): void {
    this.store.remove();
  }
}

// One voter on one device, without the page: gets the token, casts, and keeps what must not be lost.
//
// Order is everything here: the pass is stored before it is used, a signed ballot before it is sent, a promise
// before the ballot is let go. What is interrupted anywhere goes on from what was stored.
import { equal, fromHex, hex } from "../core/bytes.ts";
import { credentialKey, type Credential } from "../core/code.ts";
import { prepare, signBallot, type PreparedBallot } from "../core/ballot.ts";
import { checkPromise } from "../core/receipt.ts";
import type { Setup } from "../core/setup.ts";
import { isComplete, makeRequest, newPass, passFromJson, passToJson, takeAnswer, tokenPublic, type VotingPass } from "../core/token.ts";
import { sha256 } from "@noble/hashes/sha2.js";
import { ServiceError, askToken, castBallot } from "./services.ts";
import { Fleeting, Store, alone, type Memory, type Shelf } from "./store.ts";

/** A letter's key and second factor, in memory only, until the token is there. */
interface Letter {
  readonly credential: Credential;
  readonly factor: string;
}

export class Session {
  private constructor(
    readonly setup: Setup,
    readonly voter: string,
    private readonly shelf: Shelf,
    private readonly letter: Letter | null = null,
  ) {}

  /** Goes on with a voter of this device, if it knows one by this name. */
  static resume(setup: Setup, voter: string): Session | null {
    const shelf = new Store(hex(setup.referendum), voter);
    const memory = shelf.read();
    if (memory === null || !isComplete(passFromJson(memory.pass))) return null;
    return new Session(setup, voter, shelf);
  }

  /** Lays a pass on the shelf for the letter, or takes up the one that lies there. Asks nobody anything. */
  static async begin(setup: Setup, symbols: string, factor: string, given: VotingPass | null, kiosk: boolean): Promise<Session> {
    const credential = credentialKey(symbols, setup.referendum);
    const voter = hex(credential.publicKey);
    const shelf = kiosk ? new Fleeting() : new Store(hex(setup.referendum), voter);
    return alone(voter, async () => {
      if (shelf.read() === null) shelf.write({ pass: passToJson(given ?? (await newPass(setup.context))), waiting: null, promises: [] });
      return new Session(setup, voter, shelf, { credential, factor });
    });
  }

  /** Exchanges code and second factor for a token; asks nothing that was answered before. */
  async fetchToken(): Promise<void> {
    const { letter } = this;
    if (letter === null || isComplete(this.pass)) return;
    await alone(this.voter, async () => {
      for (const [index, registrar] of this.setup.manifest.registrars.entries()) {
        const { pass } = this;
        if (pass.signatures[index] !== null) continue;
        try {
          const answer = await askToken(registrar.url, makeRequest(pass, index + 1, letter.credential, letter.factor));
          const signed = await takeAnswer(this.setup.context, pass, index + 1, answer);
          this.shelf.write({ ...this.memory(), pass: passToJson(signed) });
        } catch (error) {
          // This letter's token went to another pass: ours never got one and never will.
          const hopeless = error instanceof ServiceError && error.code === "token-issued";
          if (hopeless && pass.signatures.every((signature) => signature === null)) this.shelf.remove();
          throw error;
        }
      }
    });
    this.shelf.announce(this.voter);
  }

  /** Goes on with a complete pass from another device. */
  static adopt(setup: Setup, pass: VotingPass): Session {
    const voter = hex(tokenPublic(pass));
    const shelf = new Store(hex(setup.referendum), voter);
    if (shelf.read() === null) shelf.write({ pass: passToJson(pass), waiting: null, promises: [] });
    shelf.announce(voter);
    return new Session(setup, voter, shelf);
  }

  private memory(): Memory {
    const memory = this.shelf.read();
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
    // From here on this body may be counted, so it can no longer be tested: the seed goes first.
    prepared.seed.fill(0);
    const raw = signBallot(this.setup.context, pass, prepared, pass.casts);
    this.shelf.write({ ...this.memory(), pass: passToJson(pass), waiting: hex(raw) });
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
      if (typeof next !== "number" || !Number.isInteger(next) || next <= this.pass.casts || next > this.setup.context.maxCasts) throw error;
      const pass = { ...this.pass, casts: next };
      this.shelf.write({ ...this.memory(), pass: passToJson(pass), waiting: null });
      if (prepared === null) throw error;
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
    this.shelf.write({
      pass: passToJson({ ...pass, casts: pass.casts + 1 }),
      waiting: null,
      promises: [...memory.promises, new TextDecoder().decode(answer)],
    });
  }

  remove(): void {
    this.shelf.remove();
  }
}

// Asks the registrars for one voter's token: whether the letter may vote, and for their signatures.
//
// Decides the order: the first registrar checks the second factor and vouches for the letter at the others; each has
// checked the letter before any signs, so one that is away uses nothing up; and the first signs last, since a letter
// without its signature can still be struck for paper. Leaves storing what they sign to the session.

import { passFromJson, requestHash, type TokenRequest, type VotingPass } from "../core/token.ts";
import { ServiceError, checkLetter, requestToken } from "./services.ts";
import type { VoterStorage } from "./storage.ts";

const isAway = ({ code }: ServiceError): boolean => ["network", "broken", "unavailable"].includes(code);

export class Registrars {
  constructor(
    private readonly urls: readonly string[],
    private readonly storage: VoterStorage,
  ) {}

  private get pass(): VotingPass {
    return passFromJson(this.storage.read()?.pass ?? "");
  }

  /** Those who have not signed, the first one last. */
  private get unsigned(): readonly number[] {
    const { signatures } = this.pass;
    return [...signatures.keys()].filter((index) => signatures[index] === null).reverse();
  }

  /** Nothing is used up but a try, by a wrong second factor. */
  async check(): Promise<void> {
    const requests = this.storage.tokenRequests();
    const others = requests.slice(1).map(requestHash);
    const vouchers = await this.ask(0, (url, request) => checkLetter(url, request, others));
    if (others.length === 0) return;
    this.storage.keepTokenRequests(
      requests.map((request, k) => (k === 0 ? request : { ...request, voucher: vouchers[k - 1] ?? "" })),
    );
    for (const index of this.unsigned)
      if (index > 0) await this.ask(index, (url, request) => checkLetter(url, request));
  }

  /** `take` is given the number of each registrar, from 1, with its answer. */
  async sign(take: (registrar: number, answer: Uint8Array) => Promise<void>): Promise<void> {
    if (this.urls.length > 1) await this.check();
    for (const index of this.unsigned) await take(index + 1, await this.ask(index, requestToken));
  }

  private async ask<Answer>(
    index: number,
    ask: (url: string, request: TokenRequest) => Promise<Answer>,
  ): Promise<Answer> {
    const [url, request] = [this.urls[index], this.storage.tokenRequests()[index]];
    if (url === undefined || request === undefined) throw new ServiceError("gone");
    try {
      return await ask(url, request);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      // The letter's token went to another pass. This pass was never sent to a registrar, so it is of no use.
      if (error.code === "token-issued" && this.storage.read()?.asked === false) this.storage.remove();
      // The first one has just answered, so it is not this device's connection.
      if (index > 0 && isAway(error)) throw new ServiceError("registrar-away");
      throw error;
    }
  }
}

// What this device remembers of a voter: the voting pass, and of each ballot that it sent what `core/sent-ballots` says.
//
// Decides where it is kept: for a voter's own device in the browser's storage, at a kiosk in the page alone (the ballots
// too: `kiosk-shelf`). A choice is never kept. Requests for a token (with the second factor in them) stay in the tab that made them, until the token
// is there. Leaves to the session what is written, and when.

import type { SentBallot } from "../core/sent-ballots.ts";
import type { Acknowledgement, TokenRequest } from "../core/token.ts";

export interface VoterRecord {
  readonly pass: string;
  /** A token was requested with this pass, and may have been given: the pass is never removed any more. */
  readonly asked: boolean;
  /** What each registrar is to be told once a ballot is promised; null when it was, or cannot be any more. */
  readonly unsaid: readonly (Acknowledgement | null)[];
  /** In the order of their turns. */
  readonly ballots: readonly SentBallot[];
}

export function newRecord(pass: string): VoterRecord {
  return { pass, asked: false, unsaid: [], ballots: [] };
}

export const PREFIX = "stembus";

/** Where the record of one voter is kept. */
export interface VoterStorage {
  read(): VoterRecord | null;
  /** Throws when nothing can be stored. */
  write(record: VoterRecord): void;
  /** The signed requests of this tab, one for each registrar; none once the token is there. */
  tokenRequests(): readonly TokenRequest[];
  keepTokenRequests(requests: readonly TokenRequest[]): void;
  remove(): void;
  /** From now on this tab belongs to this voter. */
  setCurrentVoter(voter: string): void;
}

/** At a kiosk: nothing of a voter outlives the page. */
export class PageStorage implements VoterStorage {
  private record: VoterRecord | null = null;
  private asked: readonly TokenRequest[] = [];

  /** `ballotsChanged` sees the ballots before they are sent. */
  constructor(private readonly ballotsChanged: (ballots: readonly SentBallot[]) => void) {}

  read(): VoterRecord | null {
    return this.record;
  }

  write(record: VoterRecord): void {
    this.record = record;
    this.ballotsChanged(record.ballots);
  }

  tokenRequests(): readonly TokenRequest[] {
    return this.asked;
  }

  keepTokenRequests(requests: readonly TokenRequest[]): void {
    this.asked = requests;
  }

  remove(): void {
    this.record = null;
    this.asked = [];
  }

  setCurrentVoter(): void {
    // a kiosk remembers nobody
  }
}

function writeChanged(key: string, text: string): void {
  if (localStorage.getItem(key) === text) return;
  localStorage.setItem(key, text);
  if (localStorage.getItem(key) === null) throw new Error("storage");
}

/** One voter's record in one referendum, and each ballot beside it; several people may share a device. */
export class DeviceStorage implements VoterStorage {
  private readonly key: string;

  constructor(referendum: string, voter: string) {
    this.key = `${PREFIX}/${referendum}/${voter}`;
  }

  /** All voters of this referendum of whom this device remembers something. */
  static voters(referendum: string): string[] {
    const [beginning, voter] = [`${PREFIX}/${referendum}/`, /^[0-9a-f]{64}$/];
    return Object.keys(localStorage)
      .filter((key) => key.startsWith(beginning))
      .map((key) => key.slice(beginning.length))
      .filter((name) => voter.test(name));
  }

  read(): VoterRecord | null {
    const text = localStorage.getItem(this.key);
    if (text === null) return null;
    const ballots = this.ballotKeys().map(
      (key) => JSON.parse(localStorage.getItem(key) ?? "null") as SentBallot | null,
    );
    const known = ballots.filter((ballot) => ballot !== null).sort((one, other) => one.seq - other.seq);
    const unsaid = JSON.parse(localStorage.getItem(this.unsaidKey) ?? "[]") as VoterRecord["unsaid"];
    return {
      ...newRecord(""),
      ...(JSON.parse(text) as Omit<VoterRecord, "ballots" | "unsaid">),
      unsaid,
      ballots: known,
    };
  }

  /** Writes what differs from what this tab reads, and takes no ballot away: a browser shows another tab's changes with
   * a delay, and those must outlast what is written here meanwhile. */
  write({ ballots, unsaid, ...voter }: VoterRecord): void {
    const texts = new Map([[this.key, JSON.stringify(voter)]]);
    if (unsaid.length > 0) texts.set(this.unsaidKey, JSON.stringify(unsaid));
    for (const ballot of ballots) texts.set(`${this.key}/${ballot.cast_hash}`, JSON.stringify(ballot));
    const before = [...texts.keys()].map((key) => [key, localStorage.getItem(key)] as const);
    try {
      for (const [key, text] of texts) writeChanged(key, text);
    } catch (error) {
      // All or nothing, where there is no room: else a turn would be used up without a ballot.
      for (const [key, old] of before)
        if (old === null) localStorage.removeItem(key);
        else writeChanged(key, old);
      throw error;
    }
  }

  /** Apart from the record: what a tab has told the registrars never writes back an older turn of another tab's. */
  private get unsaidKey(): string {
    return `${this.key}.unsaid`;
  }

  private ballotKeys(): string[] {
    return Object.keys(localStorage).filter((key) => key.startsWith(`${this.key}/`));
  }

  tokenRequests(): readonly TokenRequest[] {
    return JSON.parse(sessionStorage.getItem(this.key) ?? "[]") as TokenRequest[];
  }

  keepTokenRequests(requests: readonly TokenRequest[]): void {
    if (requests.length > 0) sessionStorage.setItem(this.key, JSON.stringify(requests));
    else sessionStorage.removeItem(this.key);
  }

  remove(): void {
    for (const key of [...this.ballotKeys(), this.unsaidKey, this.key]) localStorage.removeItem(key);
    sessionStorage.removeItem(this.key);
    clearTab();
  }

  setCurrentVoter(voter: string): void {
    sessionStorage.setItem(VOTER, voter);
  }
}

/** Whether this browser stores anything at all. */
export function storageWorks(): boolean {
  try {
    localStorage.setItem(`${PREFIX}/probe`, "1");
    localStorage.removeItem(`${PREFIX}/probe`);
    return true;
  } catch {
    return false;
  }
}

// What a tab remembers outlives a reload, but not the tab.
const VOTER = `${PREFIX}/voter`;
const LETTER = `${PREFIX}/letter`;

/** The voter to whom this tab belongs. */
export function currentVoter(): string | null {
  return sessionStorage.getItem(VOTER);
}

export function clearCurrentVoter(): void {
  sessionStorage.removeItem(VOTER);
}

/** The referendum id of the letter that was scanned in this tab: the page is checked against it, after a reload too. */
export function rememberLetter(referendum: string): void {
  sessionStorage.setItem(LETTER, referendum);
}

export function letterReferendum(): string | null {
  return sessionStorage.getItem(LETTER);
}

/** This tab belongs to nobody any more: no request and no second factor stay in it. */
export function clearTab(): void {
  sessionStorage.clear();
}

/** Runs `work` while no other tab of this device does the same for this voter. */
export async function withVoterLock<T>(voter: string, work: () => Promise<T>): Promise<T> {
  if (!("locks" in navigator)) return work();
  return navigator.locks.request(`${PREFIX}/${voter}`, work);
}

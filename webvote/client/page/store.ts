// What this device remembers of a voter: the voting pass, a signed ballot that was not answered yet, and the
// promises. Never a choice. The pass is written before it is used, so a crash or a lost answer costs nothing.

export interface Memory {
  readonly pass: string;
  readonly waiting: string | null;
  readonly promises: readonly string[];
}

const PREFIX = "stembus";

/** Where one voter's memory lies. */
export interface Shelf {
  read(): Memory | null;
  /** Throws when nothing can be kept. */
  write(memory: Memory): void;
  remove(): void;
  /** From now on this tab is about this voter. */
  announce(voter: string): void;
}

/** In a kiosk: nothing outlives the page. */
export class Fleeting implements Shelf {
  private memory: Memory | null = null;

  read(): Memory | null {
    return this.memory;
  }

  write(memory: Memory): void {
    this.memory = memory;
  }

  remove(): void {
    this.memory = null;
  }

  announce(): void {
    // a kiosk remembers nobody
  }
}

/** One voter's record in one referendum; several people may share a device. */
export class Store implements Shelf {
  constructor(
    private readonly referendum: string,
    private readonly voter: string,
  ) {}

  private get key(): string {
    return `${PREFIX}/${this.referendum}/${this.voter}`;
  }

  read(): Memory | null {
    const text = localStorage.getItem(this.key);
    return text === null ? null : (JSON.parse(text) as Memory);
  }

  write(memory: Memory): void {
    localStorage.setItem(this.key, JSON.stringify(memory));
    if (localStorage.getItem(this.key) === null) throw new Error("storage");
  }

  remove(): void {
    localStorage.removeItem(this.key);
    forgetCurrent();
    forgetLetter();
  }

  announce(voter: string): void {
    setCurrent(voter);
  }
}

/** Whether this browser keeps things at all. */
export function storageWorks(): boolean {
  try {
    localStorage.setItem(`${PREFIX}/probe`, "1");
    localStorage.removeItem(`${PREFIX}/probe`);
    return true;
  } catch {
    return false;
  }
}

/** Which voter this tab is about: survives a reload, not the closing of the tab. */
export function setCurrent(voter: string): void {
  sessionStorage.setItem(`${PREFIX}/voter`, voter);
}

export function current(): string | null {
  return sessionStorage.getItem(`${PREFIX}/voter`);
}

export function forgetCurrent(): void {
  sessionStorage.removeItem(`${PREFIX}/voter`);
}

/** The referendum id of the letter that was scanned in this tab: a reload must not forget what it was held against. */
export function setLetter(referendum: string): void {
  sessionStorage.setItem(`${PREFIX}/letter`, referendum);
}

export function forgetLetter(): void {
  sessionStorage.removeItem(`${PREFIX}/letter`);
}

export function letterId(): string | null {
  return sessionStorage.getItem(`${PREFIX}/letter`);
}

/** Runs `work` while no other tab of this device does the same for this voter. */
export async function alone<T>(voter: string, work: () => Promise<T>): Promise<T> {
  if (!("locks" in navigator)) return work();
  return navigator.locks.request(`${PREFIX}/${voter}`, work);
}

// The heavy work of a verification in several workers of a browser.
//
// Decides how chunks are handed out: each worker has one at a time, and whatever a worker fails at fails the verification,
// which then says so. Leaves what a chunk is to `work`.

import type { ChunkResult } from "./chunk.ts";
import type { Task, Work } from "./work.ts";

/** What a worker answers. */
export type Answer = { readonly result: unknown } | { readonly failed: string };

interface Waiting {
  readonly task: Task;
  settle(answer: Answer): void;
}

const PART = 128; // keys or lines for one worker
const PATIENCE_MS = 300_000; // for one chunk, on a slow phone

export class Pool implements Work {
  private readonly idle: Worker[] = [];
  private readonly all: Worker[] = [];
  private readonly waiting: Waiting[] = [];
  private readonly doing = new Set<Waiting>();

  /** Why no worker does anything any more. */
  private broken = "";

  constructor(start: () => Worker, size: number) {
    for (let k = 0; k < size; k++) {
      const worker = start();
      worker.onerror = (event) => this.fail(event.message || "a worker stopped");
      worker.onmessageerror = () => this.fail("what a worker answered could not be read");
      this.all.push(worker);
    }
    this.idle.push(...this.all);
  }

  private fail(problem: string): void {
    this.broken = problem;
    for (const one of [...this.waiting.splice(0), ...this.doing]) one.settle({ failed: problem });
    this.doing.clear();
  }

  ballots(_: unknown, sources: readonly Uint8Array[], ballots: readonly (readonly [number, Uint8Array])[]) {
    return this.do({ kind: "ballots", sources, ballots }) as Promise<ChunkResult>;
  }

  async letters(referendum: Uint8Array, registrar: number, lines: Parameters<Work["letters"]>[2]) {
    const parts = split(lines).map((part) => this.do({ kind: "letters", referendum, registrar, lines: part }));
    const found = (await Promise.all(parts)) as readonly (readonly number[])[];
    return found.flatMap((bad, k) => bad.map((place) => k * PART + place));
  }

  async keys(keys: readonly Uint8Array[]) {
    const found = (await Promise.all(split(keys).map((part) => this.do({ kind: "keys", keys: part })))) as number[];
    const at = found.findIndex((place) => place >= 0);
    return at < 0 ? -1 : at * PART + (found[at] ?? 0);
  }

  /** Nothing that was asked is answered after this. */
  end(): void {
    for (const worker of this.all) worker.terminate();
  }

  private do(task: Task): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const settle = (answer: Answer): void =>
        "failed" in answer ? reject(new Error(answer.failed)) : resolve(answer.result);
      if (this.broken !== "") return settle({ failed: this.broken });
      this.waiting.push({ task, settle });
      this.handOut();
    });
  }

  private handOut(): void {
    while (this.idle.length > 0 && this.waiting.length > 0) {
      const [worker, next] = [this.idle.pop(), this.waiting.shift()];
      if (worker === undefined || next === undefined) return;
      this.doing.add(next);
      // A worker that is ended for want of memory says nothing.
      const patience = setTimeout(() => this.fail("a worker does not answer any more"), PATIENCE_MS);
      worker.onmessage = ({ data }: MessageEvent<Answer>) => {
        clearTimeout(patience);
        worker.onmessage = null;
        this.doing.delete(next);
        this.idle.push(worker);
        next.settle(data);
        this.handOut();
      };
      worker.postMessage(next.task);
    }
  }
}

function split<T>(items: readonly T[]): (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / PART) }, (_, k) => items.slice(k * PART, (k + 1) * PART));
}

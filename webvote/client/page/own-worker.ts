// A page that is one file is its own worker: it starts its very script once more.
//
// Decides that nothing else ever runs as a worker, and how many there are. Leaves what they do to `verify/work`.

import { Pool, type Answer } from "../verify/pool.ts";
import { carryOut, type Task } from "../verify/work.ts";
import { byId } from "./dom.ts";

const MOST_WORKERS = 8;

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL(text: string): string },
  ): { createScriptURL(text: string): unknown };
}
let policy: ReturnType<TrustedTypes["createPolicy"]> | null = null;

/** Called by the script where there is no page. */
export function serveAsWorker(): void {
  const port = globalThis as unknown as {
    onmessage: ((event: MessageEvent<Task>) => void) | null;
    postMessage(answer: Answer): void;
  };
  port.onmessage = ({ data }) => {
    carryOut(data).then(
      (result) => port.postMessage({ result }),
      (error: unknown) => port.postMessage({ failed: String(error) }),
    );
  };
}

export function startPool(): Pool {
  return new Pool(startWorker(), Math.max(1, Math.min(MOST_WORKERS, navigator.hardwareConcurrency || 2)));
}

function startWorker(): () => Worker {
  const source = byId("own-script").textContent ?? "";
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  policy ??= trustedTypes?.createPolicy("stembus-worker", { createScriptURL: (text) => text }) ?? null;
  const address = (policy?.createScriptURL(url) ?? url) as string;
  // Not as a module: a page that is kept as a file may start no such worker.
  return () => new Worker(address);
}

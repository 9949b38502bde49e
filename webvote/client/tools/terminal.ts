// What the programs of this folder share: requests come in a line each, answers go out a line each.
//
// Declares the few things of node that they use. They serve tests, and are no part of what browsers load.

declare const process: {
  readonly stdin: AsyncIterable<unknown> & { setEncoding(name: string): void };
  readonly stdout: { write(text: string): void };
};
interface FileSystem {
  readFile(path: string): Promise<Uint8Array>;
}
export const files = (await import(["node:fs", "promises"].join("/"))) as FileSystem;

export type Fields = Readonly<Record<string, unknown>>;
export const text = (request: Fields, name: string): string => String(request[name]);

/** Until the input ends. */
export async function answerEach(answer: (line: string) => Promise<unknown>): Promise<void> {
  process.stdin.setEncoding("utf8");
  let rest = "";
  for await (const chunk of process.stdin) {
    const lines = (rest + String(chunk)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
  }
}

// What can go wrong, as stable codes in kebab case.
//
// Decides the kinds of error. Leaves the sentences for voters to the pages; the messages here are for logs and
// developers.

export class ClientError extends Error {
  constructor(
    readonly code: string,
    message: string = code,
  ) {
    super(message);
    this.name = "ClientError";
  }
}

export type BallotCheck = "V16" | "V17" | "V18" | "V19" | "V20";

/** A ballot fails a check of docs/protocol.md, section 15. */
export class BallotRefused extends ClientError {
  constructor(
    readonly check: BallotCheck,
    message: string,
  ) {
    super("ballot-refused", message);
    this.name = "BallotRefused";
  }
}

/** The result of `work`. An error `encoding` inside it becomes `code`; all other errors pass unchanged. */
export async function withErrorCode<T>(code: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw renamed(code, error);
  }
}

/** The same for work that is not asynchronous. */
export function withErrorCodeSync<T>(code: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw renamed(code, error);
  }
}

function renamed(code: string, error: unknown): unknown {
  return error instanceof ClientError && error.code === "encoding" ? new ClientError(code, error.message) : error;
}

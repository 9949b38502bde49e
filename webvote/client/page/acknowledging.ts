// Tells the registrars that this voter's token was used, once its ballot is promised (docs/protocol.md, 10).
//
// Decides that the vote never depends on it: who does not answer is told at the next occasion, and who takes nothing
// more, never. What is said was signed with the request for the token; it names neither token nor ballot.

import { errorCode } from "./messages.ts";
import { sendAcknowledgement } from "./services.ts";
import type { Session } from "./session.ts";

const TOO_LATE = ["closed", "cancelled"];

export async function acknowledge(session: Session): Promise<void> {
  const { registrars } = session.setup.manifest;
  await Promise.all(
    session.unsaid.map(async (said, index) => {
      const url = registrars[index]?.url;
      if (said === null || url === undefined) return;
      try {
        await sendAcknowledgement(url, said);
      } catch (error) {
        if (!TOO_LATE.includes(errorCode(error))) return;
      }
      session.markSaid(index);
    }),
  );
}

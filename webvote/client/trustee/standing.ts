// Where the referendum stands for one trustee: the step that is theirs to take now, and whom it waits for.
//
// Decides as `stembus trustee` does, from the verified log alone and the clock of the device. Leaves the words to the page.

import { countStatus } from "../verify/rules.ts";
import type { Member } from "./member.ts";

export type Step = "commit" | "reveal" | "share" | "confirm" | "drill" | "intent" | "decrypt";
/** What the referendum waits for. */
export type Stage =
  | Step
  | "election-key"
  | "roll"
  | "opening"
  | "voting"
  | "paper"
  | "complaints"
  | "result"
  | "done"
  | "not-counted"
  | "cancelled"
  | "abandoned";

/** `step` is null when there is nothing for this trustee to do now; `waits` are the trustees whose turn it is. `optional`
 * says that nothing waits for this step. `until` is in Unix seconds. */
export interface Standing {
  readonly stage: Stage;
  readonly step: Step | null;
  readonly waits: readonly number[];
  readonly optional: boolean;
  readonly until: number | null;
}

function at(stage: Stage, some: Partial<Standing> = {}): Standing {
  return { stage, step: null, waits: [], optional: false, until: null, ...some };
}

/** `now` is in Unix seconds. */
export function standingOf(member: Member, now: number): Standing {
  switch (member.log.phase) {
    case "ceremony":
      return inCeremony(member);
    case "keyed":
      return at("roll");
    case "rolled":
      return at("opening", member.attempt.number > 0 && !drilledAgain(member) ? { step: "drill", optional: true } : {});
    case "open":
      return at("voting");
    case "closed":
      return afterClose(member, now);
    case "cancelled":
      return at("cancelled");
    case "abandoned":
      return at("abandoned");
    default:
      return at("done");
  }
}

export const CEREMONY = ["commit", "reveal", "share", "confirm", "drill"] as const;
export const COUNT = ["intent", "decrypt"] as const;

/** Of each step, who has taken it. */
export function doneBy({ attempt, all, log }: Member): Readonly<Record<Step, (trustee: number) => boolean>> {
  const intents = new Set(log.tally.intents.map(({ trustee }) => trustee));
  return {
    commit: (trustee) => !attempt.void && attempt.commits.has(trustee),
    reveal: (trustee) => attempt.reveals.has(trustee),
    share: (trustee) => all.every((other) => other === trustee || attempt.share(trustee, other) !== undefined),
    confirm: (trustee) => attempt.confirms.has(trustee),
    drill: (trustee) => attempt.drills.has(trustee),
    intent: (trustee) => intents.has(trustee),
    decrypt: (trustee) => log.tally.partials.has(trustee),
  };
}

function inCeremony(member: Member): Standing {
  const { all, number } = member;
  const done = doneBy(member);
  for (const step of CEREMONY) {
    const waits = all.filter((trustee) => !done[step](trustee));
    if (waits.length > 0) return at(step, { step: waits.includes(number) ? step : null, waits });
  }
  return at("election-key");
}

/** Whether this trustee has drilled since the roll. */
function drilledAgain({ log, number }: Member): boolean {
  const rolled = log.messages.findIndex(({ type }) => type === "roll");
  return log.messages.slice(rolled).some((entry) => entry.type === "drill" && entry.body.trustee === number);
}

function afterClose({ log, all, number, threshold }: Member, now: number): Standing {
  const { decided, decidedAt, paperBallots, intents, partials } = log.tally;
  if (decided === 0) return at("paper");
  if (countStatus(log.manifest, log.counted, paperBallots) !== "counted") return at("not-counted");
  const complaints = log.manifest.complaint_seconds;
  const until = (decidedAt ?? now) + complaints;
  if (complaints > 0 && now < until) return at("complaints", { until });
  const announced = new Set(intents.map(({ trustee }) => trustee));
  const own: Step | null = announced.has(number) ? null : "intent";
  if (announced.size < threshold)
    return at("intent", { step: own, waits: all.filter((trustee) => !announced.has(trustee)) });
  if (partials.size >= threshold) return at("result");
  const waits = [...announced].filter((trustee) => !partials.has(trustee)).sort((a, b) => a - b);
  if (own !== null) return at("decrypt", { step: own, waits, optional: true });
  return at("decrypt", { step: partials.has(number) ? null : "decrypt", waits });
}

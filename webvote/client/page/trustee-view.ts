// What the trustees' page shows of the log: whose turn it is, what is signed, who has done what, what to read aloud.
//
// Decides words and order; they come from the page. Leaves which step is due to `trustee/standing`.

import { sha256 } from "@noble/hashes/sha2.js";
import { fromHex, hex } from "../core/bytes.ts";
import { countedTree } from "../trustee/count.ts";
import { publicKeyOf } from "../trustee/key-file.ts";
import type { Member } from "../trustee/member.ts";
import { CEREMONY, COUNT, doneBy, standingOf, type Stage, type Standing, type Step } from "../trustee/standing.ts";
import { byId, button, message } from "./dom.ts";

const IN_COUNT: readonly Stage[] = ["intent", "decrypt", "result", "done"];

function element(tag: string, text: string): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

/** Twenty digits of the SHA-256 in groups, as people read them aloud. */
export function fingerprint(hexText: string): string {
  return hex(sha256(fromHex(hexText)))
    .slice(0, 20)
    .replace(/(.{4})(?=.)/g, "$1-");
}

export function showMember(member: Member, entries: number): void {
  const standing = standingOf(member, Date.now() / 1000);
  byId("part-open").hidden = true;
  byId("part-now").hidden = false;
  byId("who").textContent = message("who", {
    number: member.number,
    count: member.count,
    threshold: member.threshold,
  });
  byId("own").textContent = fingerprint(publicKeyOf(member.key));
  byId("checked").textContent = message("checked", { entries });
  showStep(member, standing);
  showTable(member, standing.stage);
  showPrints(member);
  byId("now").focus();
}

function showStep(member: Member, { stage, step, waits, optional, until }: Standing): void {
  const moment = until === null ? "" : new Date(1000 * until).toLocaleString(document.documentElement.lang);
  byId("now").textContent = message(`now-${stage}`, { until: moment });
  const names = waits.map((number) => message("trustee", { number })).join(", ");
  const more = member.threshold - member.log.tally.intents.length;
  const others = stage === "intent" ? message("waits-more", { more, names }) : message("waits", { names });
  const mine = step === null && waits.length > 0 && !waits.includes(member.number) ? message("own-done") : "";
  byId("waits").textContent = optional ? message("optional") : `${mine} ${waits.length > 0 ? others : ""}`.trim();
  byId("signs").hidden = step === null;
  byId("copy-part").hidden = step !== "drill";
  byId("other").hidden = member.log.phase !== "ceremony" || member.attempt.number === 0;
  const act = button("act");
  act.hidden = step === null;
  if (step === null) return;
  act.textContent = message(`act-${step}`);
  const counted = member.log.counted + member.log.tally.paperBallots;
  byId("signs").textContent = message(`signs-${step}`, { counted });
}

function showTable(member: Member, stage: Stage): void {
  const { all, log } = member;
  const done = doneBy(member);
  const steps: readonly Step[] = IN_COUNT.includes(stage) ? COUNT : CEREMONY;
  byId("columns").replaceChildren(
    ...["trustee", ...steps].map((name) => {
      const cell = element("th", message(`column-${name}`));
      cell.setAttribute("scope", "col");
      return cell;
    }),
  );
  byId("rows").replaceChildren(
    ...all.map((trustee) => {
      const head = element("th", `${trustee}. ${log.manifest.trustees.members[trustee - 1]?.name ?? ""}`);
      head.setAttribute("scope", "row");
      const row = element("tr", "");
      row.append(head, ...steps.map((step) => element("td", message(done[step](trustee) ? "done-mark" : "open-mark"))));
      return row;
    }),
  );
}

function showPrints(member: Member): void {
  const { attempt, log, count } = member;
  const prints: [string, string][] = [
    [message("print-referendum"), hex(log.referendum).replace(/(.{8})(?=.)/g, "$1 ")],
  ];
  if (!attempt.void && attempt.shares.size === count * (count - 1) && attempt.reveals.size === count) {
    try {
      const { transcript } = attempt.makeKey(log.referendum, count);
      prints.push([message("print-transcript", { attempt: attempt.number }), fingerprint(transcript)]);
    } catch {
      // a faulty reveal makes no key; who tries to confirm is told whose it is
    }
  }
  if (log.tally.decided > 0 && log.sums.length > 0) {
    const { size, root, sums } = countedTree(member);
    prints.push([message("print-root", { size }), fingerprint(root)], [message("print-sums"), fingerprint(sums)]);
  }
  byId("prints").replaceChildren(
    ...prints.flatMap(([label, value]) => {
      const shown = element("dd", value);
      shown.className = "code";
      return [element("dt", label), shown];
    }),
  );
}

// A report as lines, in the words of the command `stembus verify`, and as data to keep.
//
// Decides what is said, in which order. Leaves how it is shown to the page.

import type { Manifest, NamedKey } from "../core/manifest.ts";
import type { Report } from "./report.ts";
import { closesAt, opensAt } from "./rules.ts";

export type Line = readonly [string, string];

const utc = (seconds: number | null): string =>
  seconds === null ? "an unknown time" : `${new Date(1000 * seconds).toISOString().slice(0, 19).replace("T", " ")} UTC`;
const names = (members: readonly Pick<NamedKey, "name">[]): string => members.map(({ name }) => name).join(", ");

export function reportLines(report: Report): Line[] {
  const lines = [...subject(report), ...faults(report), ...log(report), ...result(report)];
  return lines.map(([label, text]) => [label, shown(text)] as const);
}

/** With what comes from outside made visible: no sign of it can turn a line around, or end it. */
function shown(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (sign) => `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`);
}

function* subject({ referendum, manifest }: Report): Generator<Line> {
  if (referendum !== "") yield ["referendum", referendum];
  if (manifest === null) return;
  yield ["", manifest.title[manifest.languages[0] ?? ""] ?? ""];
  if (!manifest.binding) yield ["", `a rehearsal${manifest.clock === "simulated" ? ", on a simulated clock" : ""}`];
  yield ["voting", `${utc(opensAt(manifest))} to ${utc(closesAt(manifest))}`];
  for (const [k, rule] of rules(manifest).entries()) yield [k === 0 ? "rules" : "", rule];
  const { trustees, witnesses, registrars, officers } = manifest;
  yield [
    "parties",
    `${trustees.threshold} of ${trustees.members.length} trustees can decrypt: ${names(trustees.members)}`,
  ];
  yield ["", `${witnesses.quorum} of ${witnesses.members.length} witnesses must cosign: ${names(witnesses.members)}`];
  yield ["", `registrars: ${names(registrars)}; officers: ${names(officers)}`];
}

function rules({ rules: ask, questions, privacy_floor: floor, complaint_seconds: complaints, sample_size }: Manifest) {
  const found = [`at least ${ask.minimum_participants} participants`];
  if (ask.minimum_margin_permille > 0 && questions.some(({ kind }) => kind === "yes-no"))
    found.push(`a margin of at least ${ask.minimum_margin_permille / 10} % of yes and no`);
  found.push(`nothing is decrypted below ${floor.online} ballots online`);
  if (complaints > 0) found.push(`people have ${complaints / 3600} hours to complain before anything is decrypted`);
  if (sample_size > 0) found.push(`people drawn by dice, ${sample_size} at most, are asked whether they voted`);
  return found;
}

function* faults(report: Report): Generator<Line> {
  for (const { check, verdict, where, message } of report.faults) yield [check, `${verdict}: ${where}: ${message}`];
  for (const [kind, number] of report.kinds) {
    const [check = "", verdict = ""] = [kind.split(" ")[0], kind.slice(kind.indexOf(" ") + 1)];
    const more = number - report.faults.filter((fault) => fault.check === check && fault.verdict === verdict).length;
    if (more > 0) yield [check, `${verdict}: ${more} more of this kind`];
  }
}

function* log({ figures, result: counted, finished }: Report): Generator<Line> {
  if (figures.entries === 0) return;
  yield ["log", `${figures.entries} entries, root ${figures.root}`];
  yield ["", `as a quorum of witnesses saw it at ${utc(figures.time)}; phase: ${figures.phase}`];
  const again =
    figures.drilledAgain > 0 ? `; trustees who drilled again before the opening: ${figures.drilledAgain}` : "";
  yield ["ceremony", `attempts: ${figures.attempts}${again}`];
  yield ["ballots", `${figures.ballots} in ${figures.batches} batches, ${figures.excluded} excluded`];
  if (figures.issued.length > 0) {
    const unused = figures.issued.map((issued) => Math.max(0, issued - figures.counted));
    yield ["tokens", `${figures.issued.join(" / ")} issued, ${figures.counted} used, ${unused.join(" / ")} unused`];
    yield* bound(figures);
  }
  if (figures.struck > 0) {
    const waiting = finished ? "" : "; how they voted is said before the count";
    const told = counted === null ? waiting : `, ${counted.paper_ballots} ballots`;
    yield ["paper", `${figures.struck} struck for paper before the close${told}`];
  }
  if (figures.struckWithPart > 0)
    yield ["", `${figures.struckWithPart} of them had a part of a token: that it was no more is registrar 1's word`];
  if (figures.dice !== "")
    yield ["sample", `drawn with the dice ${figures.dice}: stembus drawn says who is asked whether they voted`];
}

function* bound({ acknowledged, counted, issued }: Report["figures"]): Generator<Line> {
  if (acknowledged > counted) {
    yield [
      "",
      `${acknowledged} devices say that they used theirs: ${acknowledged - counted} more than the log holds, so so many`,
    ];
    yield ["", "promised ballots are not in the log, or as many devices said what is not so"];
    return;
  }
  const whose =
    issued.length === 1 ? "the registrar's, without others' help" : "those of all registrars, without others' help";
  yield ["", `${acknowledged} devices acknowledged theirs: at most ${counted - acknowledged} votes can be ${whose},`];
  yield ["", "and one more for each ballot that was promised to a voter and is not in the log"];
}

function* result({ result: found, manifest, established, whole }: Report): Generator<Line> {
  if (found === null || manifest === null) return;
  if (!established || !whole) yield ["stated", "what follows is what the log says, and is not established"];
  const official = manifest.eligibility.official_count;
  const share = ((100 * found.participants) / Math.max(1, official)).toFixed(1);
  yield ["turnout", `${found.participants} of ${official} (${share} %), ${found.paper_ballots} of them on paper`];
  if (found.status !== "counted") yield ["result", `${found.status}: nothing was decrypted`];
  const language = manifest.languages[0] ?? "";
  for (const [k, { total, outcome }] of found.questions.entries()) {
    const asked = manifest.questions[k];
    yield [`question ${k + 1}`, asked?.text[language] ?? ""];
    for (const [place, count] of total.entries())
      yield ["", `${String(count).padStart(9)}  ${asked?.options[place]?.text[language] ?? ""}`];
    if (asked?.max_choices === 1)
      yield ["", `${String(found.participants - total.reduce((sum, count) => sum + count, 0)).padStart(9)}  blank`];
    yield ["", `outcome: ${outcome}`];
  }
}

/** With the names that `stembus verify --json` uses. */
export function reportData(report: Report): object {
  const { figures, outcome, manifest } = report;
  return {
    verifier: "stembus, in a browser",
    outcome: outcome.word,
    meaning: outcome.sentence,
    exit_status: outcome.status,
    referendum: report.referendum || null,
    anchored: report.anchored,
    rehearsal: manifest !== null && !manifest.binding,
    simulated_clock: manifest?.clock === "simulated",
    finished: report.finished,
    cancelled: report.cancelled,
    abandoned: report.abandoned,
    established: report.established && report.whole,
    faults: report.faults,
    faults_of_each_kind: [...report.kinds].map(([kind, number]) => ({
      check: kind.split(" ")[0],
      verdict: kind.slice(kind.indexOf(" ") + 1),
      number,
    })),
    figures: {
      entries: figures.entries,
      root: figures.root,
      time: figures.time,
      phase: figures.phase,
      attempts: figures.attempts,
      drilled_again: figures.drilledAgain,
      batches: figures.batches,
      ballots: figures.ballots,
      excluded: figures.excluded,
      counted: figures.counted,
      issued: figures.issued,
      on_every_list: figures.onEveryList,
      acknowledged: figures.acknowledged,
      struck: figures.struck,
      struck_with_part: figures.struckWithPart,
      dice: figures.dice,
    },
    manifest,
    result: report.result,
  };
}

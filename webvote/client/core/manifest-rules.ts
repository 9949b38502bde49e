// The rules that a manifest must keep beyond its fields and types (docs/protocol.md, 4).
//
// Decides exactly as audit/formats/manifest_rules.py does (V3): a definition that auditors refuse is none for voters.

import { questionBytes, type QuestionShape } from "./ballot-shape.ts";
import { MODULUS_BYTES, parseSpki } from "./blind-rsa.ts";
import { fromHex } from "./bytes.ts";
import { isValidKey } from "./ed25519.ts";
import { ClientError } from "./errors.ts";
import type { Manifest, Question, Texts } from "./manifest.ts";
import { isPlainText, sameSpaces } from "./text.ts";

const LATEST_TIME = 253_402_300_799;
const MOST_BALLOTS = 99_000_000;
const TEXT_CHARACTERS = 4000;
const ADDRESS_CHARACTERS = 300;
const HOST_CHARACTERS = 253;

/** Throws `setup-log`. */
export function checkManifest(manifest: Manifest): void {
  need(different(manifest.languages), "a language twice");
  need(
    allTexts(manifest).every((texts) => isWhole(texts, manifest.languages)),
    "texts",
  );
  need(
    manifest.questions.every((asked) => isSound(asked, manifest.languages)),
    "a question",
  );
  need(timesAreSound(manifest), "times");
  need(manifest.trustees.threshold <= manifest.trustees.members.length, "threshold");
  need(manifest.witnesses.quorum <= manifest.witnesses.members.length, "quorum");
  need(manifest.rules.minimum_participants <= manifest.eligibility.official_count, "a minimum beyond everybody");
  need(manifest.max_casts * manifest.eligibility.official_count <= MOST_BALLOTS, "more ballots than a log holds");
  need(castBytes(manifest) <= 65_535, "ballots too long");
  need(namesAreSound(manifest), "names");
  need(keysAreSound(manifest), "keys");
  const origins = urlsOf(manifest).map(originOf);
  need(!manifest.binding || isFitToBind(manifest, origins), "rules too weak for a binding referendum");
}

function need(condition: boolean, problem: string): void {
  if (!condition) throw new ClientError("setup-log", `the definition has ${problem}`);
}

function different(items: readonly unknown[]): boolean {
  return new Set(items).size === items.length;
}

function allTexts({ title, eligibility, questions }: Manifest): readonly Texts[] {
  const asked = questions.flatMap(({ text, options, unit }) => [
    text,
    ...options.map((option) => option.text),
    ...(unit === null ? [] : [unit]),
  ]);
  return [title, eligibility.description, ...asked];
}

function isWhole(texts: Texts, languages: readonly string[]): boolean {
  return (
    Object.keys(texts).length === languages.length &&
    languages.every((language) => Object.hasOwn(texts, language)) &&
    Object.values(texts).every((text) => isPlainText(text, TEXT_CHARACTERS))
  );
}

/** What a ballot holds of a question. */
export function shapeOf({ options, max_choices: most, budget }: Question): QuestionShape {
  const costs = options.flatMap(({ cost }) => (cost === null ? [] : [cost]));
  return { options: options.length, most, costs, budget: budget ?? 0 };
}

function isSound(asked: Question, languages: readonly string[]): boolean {
  if (asked.max_choices > asked.options.length) return false;
  const distinct = languages.every((language) =>
    different(asked.options.map((o) => sameSpaces(o.text[language] ?? ""))),
  );
  const shaped =
    asked.kind === "yes-no"
      ? asked.options.length === 2 && asked.max_choices === 1 && asked.accepts !== null
      : asked.accepts === null;
  return distinct && shaped && hasSoundBudget(asked);
}

function hasSoundBudget({ kind, budget, unit, funding, options }: Question): boolean {
  const parts = [budget, unit, funding, ...options.map(({ cost }) => cost)];
  if (kind !== "budget") return parts.every((part) => part === null);
  return parts.every((part) => part !== null) && options.every(({ cost }) => (cost ?? 0) <= (budget ?? 0));
}

/** Whether the day exists, in the years 0001 to 9999. */
function isDay(year: number, month: number, day: number): boolean {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
  return year >= 1 && day >= 1 && day <= days;
}

function isDate(text: string): boolean {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? [];
  return isDay(Number(year), Number(month), Number(day));
}

/** Whether no ballot is taken any more for the first time: by this device's clock, unless another time is given, in Unix
 * seconds. */
export function isVotingOver({ closes, grace_seconds: grace }: Manifest, now = Date.now() / 1000): boolean {
  return now >= parseTime(closes) + grace;
}

/** Unix seconds of the one spelling `2019-10-14T09:00:00+02:00`; NaN for every other text. */
export function parseTime(text: string): number {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)([+-])(\d\d):(\d\d)$/.exec(text);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = (match ?? []).slice(1, 7).map(Number);
  const [sign, ahead, past] = [match?.[7], Number(match?.[8]), Number(match?.[9])];
  const inRange = isDay(year, month, day) && hour < 24 && minute < 60 && second < 60 && ahead < 24 && past < 60;
  if (!inRange || (sign === "-" && ahead === 0 && past === 0)) return Number.NaN;
  const offset = (sign === "-" ? -1 : 1) * (3600 * ahead + 60 * past);
  return new Date(0).setUTCFullYear(year, month - 1, day) / 1000 + 3600 * hour + 60 * minute + second - offset;
}

function timesAreSound({ opens, closes, batching, eligibility }: Manifest): boolean {
  const [start, end] = [parseTime(opens), parseTime(closes)];
  return (
    0 < start &&
    start < end &&
    end < LATEST_TIME &&
    batching.quiet_seconds < end - start &&
    [eligibility.age_date, eligibility.residence_date].every(isDate)
  );
}

function castBytes({ questions, registrars }: Manifest): number {
  const sizes = questions.map((question) => questionBytes(shapeOf(question)));
  return 1 + 32 + sizes.reduce((total, size) => total + size, 0) + 64 + MODULUS_BYTES * registrars.length + 4 + 64;
}

function groupsOf({ trustees, registrars, witnesses, officers }: Manifest) {
  return [trustees.members, registrars, witnesses.members, officers];
}

function namesAreSound(manifest: Manifest): boolean {
  return (
    groupsOf(manifest).every((group) => different(group.map((member) => member.name))) &&
    !manifest.witnesses.members.some((witness) => witness.name === manifest.log.origin)
  );
}

function keysAreSound(manifest: Manifest): boolean {
  const { box, log, client } = manifest;
  const members = groupsOf(manifest).flatMap((group) => group.map((member) => member.key));
  const keys = [...members, box.key, log.key, client.key];
  // Every 1312 bytes are an ML-DSA-44 key (FIPS 204).
  const ed25519 = keys.filter((key) => key.length === 64);
  const blind = manifest.registrars.map((registrar) => parseSpki(fromHex(registrar.blind_key)));
  return different(blind) && different(keys) && ed25519.every((key) => isValidKey(fromHex(key)));
}

function urlsOf({ registrars, box, client }: Manifest): readonly string[] {
  return [...registrars.map((registrar) => registrar.url), box.url, client.url];
}

/** Scheme, host and port of an address in its one spelling. Throws `setup-log`. */
export function originOf(url: string): string {
  const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
  const pattern = `^(https?)://(${label}(?:\\.${label})*)(?::([1-9][0-9]{0,4}))?((?:/[A-Za-z0-9._~-]+)*)/?$`;
  const [, scheme = "", host = "", port, path = ""] = new RegExp(pattern).exec(url) ?? [];
  const last = host.split(".").at(-1) ?? "";
  const usual = scheme === "https" ? 443 : 80;
  need(
    host !== "" &&
      url.length <= ADDRESS_CHARACTERS &&
      host.length <= HOST_CHARACTERS &&
      (!/^[0-9]/.test(last) || isIpv4(host)) &&
      !path.split("/").some((part) => part === "." || part === "..") &&
      (port === undefined || (Number(port) !== usual && Number(port) <= 65_535)),
    "a url that is no address",
  );
  return `${scheme}://${host}:${port ?? usual}`;
}

function isIpv4(host: string): boolean {
  const parts = host.split(".");
  return parts.length === 4 && parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255);
}

function isFitToBind(manifest: Manifest, origins: readonly string[]): boolean {
  const { clock, privacy_floor: floor, batching, second_factor: factor, trustees, witnesses } = manifest;
  return (
    clock === "real" &&
    Math.min(floor.online, floor.paper) >= 30 &&
    batching.minimum_seconds >= 600 &&
    batching.minimum_tokens >= 50 &&
    batching.healing_seconds >= 900 &&
    factor.memory_kib >= 19_456 &&
    factor.passes >= 2 &&
    2 * trustees.threshold > trustees.members.length &&
    2 * witnesses.quorum > witnesses.members.length &&
    origins.every((origin) => origin.startsWith("https://")) &&
    different(origins)
  );
}

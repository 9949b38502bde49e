// The second factor in the form that registrars store: a birth date as ISO text, or a national number of 11 digits.
//
// Decides which spellings are read. Leaves to the registrars whether it is the right one.

import { ClientError } from "./errors.ts";

export type FactorKind = "birth-date" | "national-number";

/** Throws `factor-format`, or `factor-day` for a date that no calendar has. */
export function normaliseFactor(kind: FactorKind, typed: string): string {
  const text = typed.trim();
  if (kind === "birth-date") return birthDate(text);
  const digits = text.replace(/[ .-]/g, "");
  if (!/^[0-9]{11}$/.test(digits)) throw new ClientError("factor-format");
  return digits;
}

function birthDate(text: string): string {
  const iso = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  const local = /^(\d{1,2})[ ./-]+(\d{1,2})[ ./-]+(\d{4})$/.exec(text) ?? /^(\d{2})(\d{2})(\d{4})$/.exec(text);
  const [year, month, day] = iso !== null ? iso.slice(1) : (local?.slice(1).reverse() ?? []);
  if (year === undefined) throw new ClientError("factor-format");
  const normal = `${year}-${month?.padStart(2, "0")}-${day?.padStart(2, "0")}`;
  const moment = new Date(`${normal}T00:00:00Z`);
  // The 30th of February would roll over into March, so the day must come back as it went in.
  if (year === "0000" || Number.isNaN(moment.getTime()) || moment.toISOString().slice(0, 10) !== normal)
    throw new ClientError("factor-day");
  return normal;
}

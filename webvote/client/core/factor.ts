// The second factor in the form that registrars store: a birth date as ISO text, with 00 for what of it
// is unknown, or a national number of 11 digits.
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
  const parts = iso?.slice(1) ?? local?.slice(1).reverse();
  if (parts === undefined) throw new ClientError("factor-format");
  const [year = 0, month = 0, day = 0] = parts.map(Number);
  // Of an unknown month the day is unknown, too. Day 0 of the next month is the last one of this.
  const last = month && new Date(Date.UTC(year, month, 0)).getUTCDate();
  if (year === 0 || month > 12 || day > last) throw new ClientError("factor-day");
  return parts.map((part) => part.padStart(2, "0")).join("-");
}

// Letter codes: 20 symbols of Crockford's base32 alphabet, 4 check symbols, and the credential key made from them.
//
// Decides how a typed code is read, and which mistake is named: the check symbols tell a typing error from the code of
// another letter. Leaves to the registrars whether a letter has this code.

import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concat, fromHex, hex, toBig, utf8, type Bytes } from "./bytes.ts";
import { ClientError } from "./errors.ts";
import { schnorrKey, type SchnorrKey } from "./group.ts";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const SYMBOLS = 20;
const CHECK_SYMBOLS = 4;

function checkSymbols(symbols: string): string {
  const bits = toBig(sha256(concat(utf8("stembus/v1 code check"), utf8(symbols))).slice(0, 4));
  return Array.from({ length: CHECK_SYMBOLS }, (_, k) => ALPHABET[Number((bits >> BigInt(5 * k)) & 31n)]).join("");
}

/** The 20 normalised symbols. Throws `code-length`, `code-symbol` or `code-typing`. */
export function parseCode(typed: string): string {
  const cleaned = typed
    .toUpperCase()
    .replace(/[^\p{L}\p{N}]/gu, "") // any dash, space, quote or full stop
    .replace(/O/g, "0")
    .replace(/[IL]/g, "1");
  const wrong = [...cleaned].find((symbol) => !ALPHABET.includes(symbol));
  if ([...cleaned].length !== SYMBOLS + CHECK_SYMBOLS)
    throw new ClientError("code-length", `a code has ${SYMBOLS + CHECK_SYMBOLS} symbols`);
  if (wrong !== undefined) throw new ClientError("code-symbol", `${wrong} does not occur in codes`);
  const symbols = cleaned.slice(0, SYMBOLS);
  if (checkSymbols(symbols) !== cleaned.slice(SYMBOLS)) throw new ClientError("code-typing");
  return symbols;
}

/** As printed on the letter: 24 symbols in groups of four. */
export function formatCode(symbols: string): string {
  return (symbols + checkSymbols(symbols)).replace(/(.{4})(?=.)/g, "$1-");
}

export type Credential = SchnorrKey;

/** The BIP340 key of a code in one referendum. */
export function credentialKey(symbols: string, referendum: Uint8Array): Credential {
  return schnorrKey(hkdf(sha256, utf8(symbols), referendum, utf8("stembus/v1 credential key"), 32));
}

/** The name of this letter's record on the device. Whoever reads the device without the letter learns from it neither
 * the credential, which is public, nor whose record it is. */
export function recordName(symbols: string, referendum: Uint8Array): string {
  return hex(hkdf(sha256, utf8(symbols), referendum, utf8("stembus/v1 record name"), 32));
}

export interface FragmentCode {
  readonly code?: string;
  readonly referendum?: Bytes;
}

/** Reads `#CODE` or `#code=CODE&id=REFERENDUM` of a letter's address. What does not fit is left out; the code is
 * returned as it was given, for `parseCode`. */
export function codeFromFragment(fragment: string): FragmentCode {
  const content = fragment.replace(/^#/, "");
  if (!content.includes("=")) return content === "" ? {} : { code: decode(content) };
  const fields = new URLSearchParams(content);
  const [code, id] = [fields.get("code"), fields.get("id")];
  return {
    ...(code ? { code } : {}),
    ...(id !== null && /^[0-9a-f]{64}$/.test(id) ? { referendum: fromHex(id) } : {}),
  };
}

function decode(content: string): string {
  try {
    return decodeURIComponent(content);
  } catch {
    return content;
  }
}

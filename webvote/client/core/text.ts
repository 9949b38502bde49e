// Which characters a text for people may have, and how it is written (docs/protocol.md, 3.7).
//
// Decides as audit/formats/text.py does, with the same list. Leaves how long a text may be to its callers.

const CHARACTERS =
  "0020-007E 00A0-00AC 00AE-034E 0350-0377 037A-037F 0384-038A 038C 038E-03A1 03A3-052F 0531-0556 0559-058A " +
  "058D-058F 0591-05C7 05D0-05EA 05EF-05F4 0606-061B 061D-06DC 06DE-06FF 0750-077F 0900-097F 0E01-0E3A 0E3F-0E5B " +
  "10A0-10C5 10C7 10CD 10D0-10FF 1E00-1F15 1F18-1F1D 1F20-1F45 1F48-1F4D 1F50-1F57 1F59 1F5B 1F5D 1F5F-1F7D " +
  "1F80-1FB4 1FB6-1FC4 1FC6-1FD3 1FD6-1FDB 1FDD-1FEF 1FF2-1FF4 1FF6-1FFE 2010-2027 202F-205E 2070-2071 2074-208E " +
  "20A0-20C0 2100-218B 2190-2311 2460-27BF 3001-303F 3041-3096 3099-30FF 3105-312F 3131-3163 3400-9FFC AC00-D7A3 " +
  "FF01-FF9F";
const SPACES = "\\u0020\\u00a0\\u202f"; // plain, no-break, narrow no-break

const listed = CHARACTERS.split(" ")
  .map((part) => part.split("-"))
  .map(([first, last]) => `\\u${first}-\\u${last ?? first}`)
  .join("");
const ALLOWED = new RegExp(`^[${listed}]+$`);
const LOOSE_SPACE = new RegExp(`^[${SPACES}]|[${SPACES}]{2}|[${SPACES}]$`);

/** All listed characters are below U+10000, so a text's length is the number of its characters. */
export function isPlainText(text: string, longest: number): boolean {
  return ALLOWED.test(text) && text.length <= longest && text.normalize("NFC") === text && !LOOSE_SPACE.test(text);
}

/** The text with every space a plain one: two texts that differ in the kind of a space alone are one. */
export function sameSpaces(text: string): string {
  return text.replace(new RegExp(`[${SPACES}]`, "g"), " ");
}

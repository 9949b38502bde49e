// QR codes as SVG elements.
//
// Decides how they are drawn: element by element, without markup, so that trusted types hold. Leaves the encoding to
// its library.

import { correction, generate, type Bitmap2D } from "lean-qr/nano";

const SVG = "http://www.w3.org/2000/svg";
const BORDER = 4;

/** False for a text that is too long for any code: then nothing is drawn. */
export function drawQr(target: HTMLElement, text: string, label: string): boolean {
  target.replaceChildren();
  const code = encodeQr(text);
  if (code === null) return false;
  const svg = document.createElementNS(SVG, "svg");
  const width = code.size + 2 * BORDER;
  svg.setAttribute("viewBox", `0 0 ${width} ${width}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  svg.setAttribute("shape-rendering", "crispEdges");
  const path = document.createElementNS(SVG, "path");
  const squares: string[] = [];
  for (let y = 0; y < code.size; y++) {
    for (let x = 0; x < code.size; x++) if (code.get(x, y)) squares.push(`M${x + BORDER} ${y + BORDER}h1v1h-1z`);
  }
  path.setAttribute("d", squares.join(""));
  svg.append(path);
  target.append(svg);
  return true;
}

function encodeQr(text: string): Bitmap2D | null {
  for (const minCorrectionLevel of [correction.M, correction.L]) {
    try {
      return generate(text, { minCorrectionLevel });
    } catch {
      // too long at this level
    }
  }
  return null;
}

// QR codes as SVG elements, built without markup so that trusted types hold.
import encodeQR from "qr";

const SVG = "http://www.w3.org/2000/svg";

export function drawQr(target: HTMLElement, text: string, label: string): void {
  const rows = encodeQR(text, "raw", { ecc: "medium", border: 4 });
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${rows.length} ${rows.length}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  svg.setAttribute("shape-rendering", "crispEdges");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute(
    "d",
    rows.map((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : "")).join("")).join(""),
  );
  svg.append(path);
  target.replaceChildren(svg);
}

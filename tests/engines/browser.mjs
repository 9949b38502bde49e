// Takes steps in Firefox, or in an old Chromium from the npm registry, and prints what they read, as JSON.
//
// One argument, a JSON object: `engine` (firefox or chromium-NN), `program` (of Firefox), `scratch` (an empty folder),
// `url`, and `steps`: [what, selector, text], where what is see, click, type or read.

import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { brotliDecompressSync } from "node:zlib";
import { fileURLToPath } from "node:url";

const ARGUMENTS = [
  "--no-sandbox",
  "--no-zygote",
  "--single-process",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const WAIT = 60_000;

/** The program of an old Chromium, with the libraries that it was built for. */
function unpack(engine, folder) {
  const packed = fileURLToPath(new URL(`node_modules/${engine}/bin/`, import.meta.url));
  const program = `${folder}/chromium`;
  writeFileSync(program, brotliDecompressSync(readFileSync(`${packed}chromium.br`)));
  chmodSync(program, 0o700);
  for (const part of ["aws", "swiftshader"]) {
    if (!existsSync(`${packed}${part}.tar.br`)) continue;
    writeFileSync(`${folder}/${part}.tar`, brotliDecompressSync(readFileSync(`${packed}${part}.tar.br`)));
    execFileSync("tar", ["xf", `${folder}/${part}.tar`, "-C", folder]);
  }
  execFileSync("sh", ["-c", 'mkdir -p swiftshader && cp lib*GL*.so swiftshader/ 2>/dev/null || true'], { cwd: folder });
  return program;
}

async function launch({ engine, program, scratch }) {
  if (engine === "firefox") {
    const { default: puppeteer } = await import("puppeteer-core");
    return puppeteer.launch({ browser: "firefox", executablePath: program, headless: true });
  }
  // Later versions of the driver speak to no browser of that time.
  const { default: puppeteer } = await import("puppeteer-2022");
  return puppeteer.launch({ executablePath: unpack(engine, scratch), args: ARGUMENTS, headless: true });
}

function isShown(selector) {
  const found = document.querySelector(selector);
  return found !== null && found.getClientRects().length > 0;
}

async function take(page, [what, selector, text]) {
  await page.waitForFunction(isShown, { timeout: WAIT, polling: 100 }, selector);
  if (what === "click") await page.click(selector);
  if (what === "type") await page.type(selector, text);
  return what === "read" ? [await page.$eval(selector, (found) => found.textContent)] : [];
}

const wanted = JSON.parse(process.argv[2]);
const browser = await launch(wanted);
const read = [];
try {
  const page = await browser.newPage();
  await page.goto(wanted.url);
  for (const step of wanted.steps) read.push(...(await take(page, step)));
  console.log(JSON.stringify({ version: await browser.version(), read }));
} catch (error) {
  const pages = await browser.pages();
  console.log(JSON.stringify({ error: String(error), shown: await pages.at(-1)?.evaluate(() => document.body.innerText) }));
} finally {
  await browser.close();
}

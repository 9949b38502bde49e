// The page on which the owner of a letter sees whether somebody voted with it, once voting is closed.
//
// Decides what each answer means to its owner, and that no code is asked for before there is something to tell. Leaves
// the search to `core/letter-fate`.

import { fromHex } from "../core/bytes.ts";
import { credentialKey, parseCode } from "../core/code.ts";
import { findLetter, type LetterFate } from "../core/letter-fate.ts";
import { loadSetup } from "../core/setup.ts";
import { groupCode } from "./code-step.ts";
import { announceStart, byId, button, fieldError, markTitle, message, onSubmit, showError, showStatus } from "./dom.ts";
import { errorCode, explain, runOnce } from "./messages.ts";
import { publishedLog } from "./services.ts";

const app = byId("app");
const readLogFile = publishedLog(app.dataset.log ?? "/log/");
const referendum = fromHex(app.dataset.referendum ?? "");
const code = byId<HTMLInputElement>("code");

async function lookUp(credential: Uint8Array | null): Promise<LetterFate> {
  return findLetter(readLogFile, await loadSetup(readLogFile, referendum), credential);
}

/** Shows the form once the lists are published. */
async function begin(): Promise<void> {
  showError("");
  showStatus(message("busy-list"));
  try {
    const { state } = await lookUp(null);
    byId("outcome").textContent = state === "closed" ? "" : message(`letter-${state}`);
    byId("form-letter").hidden = state !== "closed";
  } catch (error) {
    showError(explain(error));
  } finally {
    showStatus("");
  }
}

async function search(): Promise<void> {
  byId("outcome").textContent = "";
  byId("advice").hidden = true;
  showError("");
  let symbols: string;
  try {
    symbols = parseCode(code.value);
  } catch (error) {
    const count = [...code.value.replace(/[^\p{L}\p{N}]/gu, "")].length;
    fieldError(code, byId("code-error"), message(count === 0 ? "code-empty" : errorCode(error), { count }));
    markTitle(true);
    code.focus();
    return;
  }
  fieldError(code, byId("code-error"), "");
  markTitle(false);
  await runOnce(
    button("submit-letter"),
    "busy-list",
    () => tell(symbols),
    (error) => showError(explain(error)),
  );
}

async function tell(symbols: string): Promise<void> {
  const fate = await lookUp(credentialKey(symbols, referendum).publicKey);
  const words = fate.state === "closed" ? wordsOf(fate) : [`letter-${fate.state}`];
  byId("outcome").textContent = words.map((key) => message(key)).join(" ");
  byId("advice").hidden = fate.state !== "closed" || fate.asked === 0;
  byId("outcome").focus();
}

/** In the order in which the command `stembus letter` judges, too. Of several registrars, one may have signed for a letter
 * that another has struck. */
function wordsOf({ asked, acknowledged, struck }: Extract<LetterFate, { state: "closed" }>): string[] {
  if (asked === 0) return [struck > 0 ? "letter-on-paper" : "letter-unused"];
  return [...(struck > 0 ? ["letter-struck-too"] : []), acknowledged > 0 ? "letter-used" : "letter-asked"];
}

groupCode(code);
onSubmit("form-letter", search);
void begin();
// Else the start script says that the browser is too old.
if ("subtle" in crypto) announceStart();

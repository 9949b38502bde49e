// What a voter chose, in words: before it is cast, and when a ballot was tested.
//
// Decides how a choice is written down: the questions, the options chosen of each, and what they cost in a budget.

import { costOf } from "../core/ballot-shape.ts";
import { shapeOf } from "../core/manifest-rules.ts";
import type { Question } from "../core/manifest.ts";
import { amount, budgetTold } from "./budget.ts";
import { message } from "./dom.ts";

export function showChoice(
  list: HTMLElement,
  questions: readonly Question[],
  choice: readonly (readonly number[])[],
  language: string,
): void {
  list.replaceChildren();
  const add = (name: "dt" | "dd", text: string): HTMLElement => {
    const item = document.createElement(name);
    item.textContent = text;
    list.append(item);
    return item;
  };
  for (const [number, question] of questions.entries()) {
    add("dt", question.text[language] ?? "");
    const chosen = choice[number] ?? [];
    if (chosen.length === 0) add("dd", message("blank"));
    for (const option of chosen) {
      const { text, cost } = question.options[option] ?? { text: {}, cost: null };
      add("dd", (text[language] ?? "") + (cost === null ? "" : `, ${amount(question, cost, language)}`));
    }
    const budget = budgetTold(question, chosen, language);
    if (budget === null) continue;
    const spent = amount(question, costOf(shapeOf(question), chosen), language);
    add("dd", `${message("budget-spent", { spent })} ${budget.text}`).className = "left";
  }
}

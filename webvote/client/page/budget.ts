// A citizens' budget on the ballot paper: what the chosen projects cost, and what is left, in words and figures.
//
// Decides the words for an amount. Leaves to the booth when a choice is refused; nobody is kept from choosing too much,
// and reading on.

import { costOf } from "../core/ballot-shape.ts";
import { shapeOf } from "../core/manifest-rules.ts";
import type { Question } from "../core/manifest.ts";
import { byId, message } from "./dom.ts";

/** Such as `12.500 euro`. */
export function amount(question: Question, units: number, language: string): string {
  return `${new Intl.NumberFormat(language).format(units)} ${question.unit?.[language] ?? ""}`;
}

/** What is left of the budget, or by how much it is exceeded; null for a question that is no budget. */
export function budgetTold(
  question: Question,
  chosen: readonly number[],
  language: string,
): { readonly text: string; readonly fits: boolean } | null {
  if (question.budget === null) return null;
  const left = question.budget - costOf(shapeOf(question), chosen);
  const fields = {
    left: amount(question, Math.abs(left), language),
    budget: amount(question, question.budget, language),
  };
  const told = message(left < 0 ? "budget-over" : "budget-left", fields);
  const counted = { chosen: chosen.length, most: question.max_choices };
  const limited = question.max_choices < question.options.length;
  return { text: limited ? `${told} ${message("chosen-of", counted)}` : told, fits: left >= 0 };
}

/** The options that are ticked in question `number`, blank left aside. */
export function tickedOptions(number: number): number[] {
  return [...document.querySelectorAll<HTMLInputElement>(`input[name="q${number}"]:checked`)]
    .filter(({ value }) => value !== "blank")
    .map(({ value }) => Number(value));
}

/** Keeps the running total of each budget; it is announced when it changes. Returns what writes it anew. */
export function watchBudgets(questions: readonly Question[], language: () => string): () => void {
  const show = (): void => {
    for (const [number, question] of questions.entries()) {
      const told = budgetTold(question, tickedOptions(number), language());
      if (told === null) continue;
      const left = byId(`budget-left-${number}`);
      left.textContent = told.text;
      left.classList.toggle("over", !told.fits);
    }
  };
  const form = byId<HTMLFormElement>("form-ballot");
  form.addEventListener("change", show);
  form.addEventListener("reset", () => setTimeout(show, 0));
  show();
  return show;
}

// The ballot paper on the page: what is ticked, and what is wrong with it.
//
// Decides whether a choice can be locked, and says in words why not. Leaves the running total of a budget to `budget`.

import type { Choice } from "../core/ballot.ts";
import type { Question } from "../core/manifest.ts";
import { budgetTold, tickedOptions } from "./budget.ts";
import { byId, message } from "./dom.ts";
import { forgetProblem, showProblems, type Problem } from "./problems.ts";

/** Blank and an option exclude each other; and what was said of an earlier choice does not outlast it. */
export function watchChoices(): void {
  byId("form-ballot").addEventListener("change", ({ target }) => {
    const box = target as HTMLInputElement;
    const question = box.closest<HTMLElement>("[data-question]")?.dataset.question ?? "";
    byId(`question-error-${question}`).textContent = "";
    forgetProblem(question);
    if (box.type !== "checkbox" || !box.checked) return;
    for (const other of document.querySelectorAll<HTMLInputElement>(`input[name="${box.name}"]:checked`))
      if ((other.value === "blank") !== (box.value === "blank")) other.checked = false;
  });
}

/** The choice, or null where something is to be corrected, which the page then says. */
export function readChoice(questions: readonly Question[], language: string): Choice | null {
  const problems: Problem[] = [];
  const found = questions.map((question, number) => {
    const chosen = tickedOptions(number);
    const blank = document.querySelector(`input[name="q${number}"][value="blank"]:checked`) !== null;
    const budget = budgetTold(question, chosen, language);
    let text = "";
    if (chosen.length === 0 && !blank) text = message("choose-one");
    else if (chosen.length > question.max_choices) text = message("choose-fewer", { most: question.max_choices });
    else if (budget !== null && !budget.fits) text = budget.text;
    byId(`question-error-${number}`).textContent = text;
    if (text !== "") problems.push({ question: number, text });
    return chosen;
  });
  showProblems(problems, questions.length);
  return problems.length === 0 ? found : null;
}

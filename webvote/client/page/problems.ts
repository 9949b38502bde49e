// What is still wrong on the ballot paper, as a list right above its button: nothing scrolls away from the voter, and
// each line leads to its question.
//
// Decides how many lines there are, and where the focus goes. Leaves what is wrong to the booth.

import { byId, markTitle, message } from "./dom.ts";

export interface Problem {
  /** From 0. */
  readonly question: number;
  readonly text: string;
}

// More lines than these are one: nobody reads thirty.
const MOST = 5;

export function showProblems(problems: readonly Problem[], questions: number): void {
  const box = byId("problems");
  const lines = problems.length > MOST ? problems.slice(0, 1) : problems;
  byId("problems-list").replaceChildren(...lines.map((problem) => line(problem, problems.length, questions)));
  box.hidden = problems.length === 0;
  markTitle(problems.length > 0);
  if (problems.length > 0) box.focus();
}

/** The answer to this question was changed: what was said of the earlier one does not outlast it. */
export function forgetProblem(question: string): void {
  document.querySelector(`#problems-list a[href="#question-${question}"]`)?.closest("li")?.remove();
  if (byId("problems-list").children.length > 0) return;
  byId("problems").hidden = true;
  markTitle(false);
}

function line({ question, text }: Problem, all: number, questions: number): HTMLLIElement {
  const link = document.createElement("a");
  link.href = `#question-${question}`;
  const numbered = questions > 1 ? message("problem-of-question", { number: question + 1, text }) : text;
  link.textContent = all > MOST ? message("problems-many", { count: all }) : numbered;
  link.addEventListener("click", (event) => {
    event.preventDefault();
    document.querySelector<HTMLInputElement>(`input[name="q${question}"]`)?.focus();
  });
  const item = document.createElement("li");
  item.append(link);
  return item;
}

"""A question as the definition asks it, in lines: for a voter to answer, and for an official to read over."""

from __future__ import annotations

from collections.abc import Iterator

from stembus.audit.formats.manifest import Question

_TIES = {"most-votes-then-cheapest": "the cheaper one", "most-votes-then-listed": "the one that is listed earlier"}


def question_lines(question: Question, language: str) -> Iterator[str]:
    yield question.text[language]
    for number, option in enumerate(question.options, 1):
        cost = f", {amount(question, option.cost, language)}" if option.cost is not None else ""
        yield f"  {number}  {option.text[language]}{cost}"


def amount(question: Question, units: int, language: str) -> str:
    return f"{units} {question.unit[language] if question.unit else ''}".rstrip()


def allowed(question: Question, language: str) -> str:
    """What a voter may choose."""
    within = f" for {amount(question, question.budget, language)} in all" if question.budget is not None else ""
    return f"up to {question.max_choices}{within}"


def decided(question: Question, language: str) -> str:
    """What becomes of the votes."""
    if question.accepts is not None:
        return f"{question.options[question.accepts].text[language]!r} accepts"
    if question.funding is None:
        return "the options are ranked by votes"
    whole = amount(question, sum(option.cost or 0 for option in question.options), language)
    return f"all together cost {whole}; {order_of_payment(question)}"


def order_of_payment(question: Question) -> str:
    """Of a budget."""
    ties = _TIES[question.funding or "most-votes-then-listed"]
    return f"most votes are paid first, whatever still fits; of equal votes, {ties} first"

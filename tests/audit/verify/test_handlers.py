"""No type of entry goes by unseen: each has a handler in the verifier and a place in the state machine."""

from __future__ import annotations

from stembus.audit.formats.entries import KINDS
from stembus.audit.state_machine import _CHECKS, ALLOWED
from stembus.audit.verify.handlers import _HANDLERS


def test_each_type_of_entry_has_one_handler() -> None:
    assert set(_HANDLERS) == {body for body, _ in KINDS.values()}


def test_each_type_of_json_entry_is_allowed_in_some_phase_and_no_other_type_is() -> None:
    allowed = set().union(*ALLOWED.values())
    assert allowed == {*KINDS, "manifest"}
    assert set(_CHECKS) <= set(KINDS)

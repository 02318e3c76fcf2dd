"""The key of `concurrency`: a template that is rendered when a run is accepted."""

from __future__ import annotations

from typing import Final

from minuet.expr import TemplateSyntaxError, compile_template

from .draft import Draft
from .faults import Faults

AT: Final = "/concurrency/key"
KEY_ROOTS: Final = frozenset({"inputs"})


def check_concurrency(draft: Draft, faults: Faults) -> None:
    """Fills `draft.key_reads`."""
    given = draft.concurrency
    if given is None or not given.key:
        return
    try:
        draft.key_reads = compile_template(given.key, allowed_roots=KEY_ROOTS).paths
    except TemplateSyntaxError as exc:
        for fault in exc.faults:
            faults.error(AT, _explained(fault.message))
        return
    if not draft.key_reads:
        faults.warning(AT, _constant(given.key))


def _explained(message: str) -> str:
    if "cannot be used here" not in message:
        return message
    return f"{message}: the key is rendered when a run is accepted, before anything has run"


def _constant(key: str) -> str:
    fix = f": write ${{{key}}}" if key.startswith("inputs.") else ", or leave it out"
    return f"the key reads no input, so all runs of the workflow share one limit{fix}"

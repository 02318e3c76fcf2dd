"""The start signal of a run, made from its row."""

from __future__ import annotations

from typing import Any

import msgspec

from minuet.model.signal import Command, Kept, Parent, Start
from minuet.model.token import CasRef
from minuet.store.runs import NewRun, StartRow

_decode_kept = msgspec.json.Decoder(dict[str, Kept]).decode


def start_of(row: StartRow, *, not_after: int = 0, stop: Command | None = None) -> Start:
    return Start(
        run=row.id,
        tenant=row.tenant,
        ir=row.ir_digest,
        workflow=row.workflow,
        accepted_at=round(row.accepted_at.timestamp() * 1000),
        workflow_version=row.version,
        inputs=msgspec.Raw(b"{}" if row.inputs is None else row.inputs),
        inputs_ref=msgspec.convert(row.inputs_ref, CasRef) if row.inputs_ref else None,
        values=row.start_values or {},
        traceparent=row.traceparent,
        not_after=not_after,
        retry_of=row.retry_of,
        kept=_decode_kept(row.kept) if row.kept else {},
        stop=stop,
        priority=row.priority,
        **_child(row),
    )


def _child(row: StartRow) -> dict[str, Any]:
    """What only child runs have."""
    if row.child is None:
        return {}
    return {**row.child, "parent": msgspec.convert(row.child["parent"], Parent)}


def blobs_of(row: StartRow) -> tuple[str, ...]:
    """Digests of the blobs that the start names: whoever reads it will want them soon."""
    inputs = (row.inputs_ref["$cas"],) if row.inputs_ref else ()
    kept = _decode_kept(row.kept).values() if row.kept else ()
    refs = {each.output_ref.digest for each in kept if each.output_ref is not None}
    return (row.ir_digest, *inputs, *sorted(refs))


def start_row(run: NewRun) -> StartRow:
    """What the relay sends of a run that was just written."""
    return StartRow(
        id=run.id,
        tenant=run.tenant,
        partition=run.partition,
        workflow=run.workflow,
        version=run.version,
        ir_digest=run.ir_digest,
        accepted_at=run.accepted_at,
        inputs=run.inputs,
        inputs_ref=msgspec.to_builtins(run.inputs_ref) if run.inputs_ref else None,
        start_values=run.start_values,
        traceparent=run.traceparent,
        retry_of=run.retry_of,
        kept=run.kept,
        priority=run.priority,
    )

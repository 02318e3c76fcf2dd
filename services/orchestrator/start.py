"""The start signal of a run, made from its row."""

from __future__ import annotations

import msgspec

from minuet.model.signal import Start
from minuet.model.token import CasRef
from minuet.store.runs import StartRow


def start_of(row: StartRow, *, not_after: int = 0) -> Start:
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
    )

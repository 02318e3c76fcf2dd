"""Accept a run: resolve the workflow, judge the inputs, write the row, tell the relay."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from msgspec import UNSET

from minuet.expr.paths import MISSING, extract, parse_path
from minuet.ir.compile import validate_inputs
from minuet.model.canonical import canonical_json, digest
from minuet.model.errors import InvalidInput
from minuet.model.ids import RANDOM_BITS, run_id
from minuet.model.ir import Ir
from minuet.model.status import RunStatus
from minuet.model.token import CasRef
from minuet.store import runs
from minuet.store.database import Database
from minuet.store.runs import NewRun
from minuet.store.uses import references_in
from minuet.views.schemas import Accepted

from ..admission import Admission
from ..auth import Principal
from ..definitions import Definition, Definitions
from ..errors import InvalidBody, KeyReused
from ..partitions import Partitions
from ..ports import Cas
from ..workflows.service import Workflows
from .intake import Intake
from .limits import render_key
from .schemas import StartBody

INLINE_BYTES: Final = 64 * 1024
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class Asking(NamedTuple):
    """What a request for a run brings beside its content, and the digest of that."""

    key: str | None
    digest: str | None
    traceparent: str | None


class Seed(NamedTuple):
    """What a run takes over from the run `retry_of`: JSON of {node: Kept}."""

    retry_of: str
    kept: bytes | None


class Starter:
    def __init__(
        self,
        *,
        db: Database,
        cas: Cas,
        workflows: Workflows,
        definitions: Definitions,
        intake: Intake,
        admission: Admission,
        partitions: Partitions,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._cas = cas
        self._workflows = workflows
        self._definitions = definitions
        self._intake = intake
        self._admission = admission
        self._partitions = partitions
        self._clock = clock

    async def start(
        self,
        principal: Principal,
        body: StartBody,
        *,
        size_bytes: int,
        key: str | None = None,
        traceparent: str | None = None,
    ) -> Accepted:
        """Answers as soon as the run stands in Postgres. With the `key` of an earlier start: that
        run, if the request is the same.

        Raises Overloaded, InvalidInput and its kinds, StoreUnavailable.
        """
        asking = asking_for(body, key=key, traceparent=traceparent)
        if found := await self.earlier(principal, asking):
            return found
        self.check_load()
        definition = await self._define(principal, body, size_bytes)
        priority = None if body.priority is UNSET else body.priority
        return await self.begin(
            principal, definition, body.inputs, body.labels, asking, priority=priority
        )

    def check_load(self) -> None:
        """Raises Overloaded."""
        self._admission.check()

    async def begin(
        self,
        principal: Principal,
        definition: Definition,
        inputs: dict[str, Any],
        labels: dict[str, str],
        asking: Asking,
        seed: Seed | None = None,
        priority: int | None = None,
    ) -> Accepted:
        """Accept a run of what is defined. Raises InvalidInputs, LimitReached, StoreUnavailable."""
        validate_inputs(definition.ir, inputs)
        limit = definition.ir.concurrency
        run = await self._draft(principal, definition, inputs, labels)
        run = replace(
            run,
            idempotency_key=asking.key,
            request_digest=asking.digest,
            traceparent=asking.traceparent,
            retry_of=seed and seed.retry_of,
            kept=seed and seed.kept,
            uses=_uses(run, seed),
            priority=definition.ir.priority if priority is None else priority,
            concurrency_key=render_key(limit, inputs) if limit else None,
            concurrency_limit=limit.limit if limit else None,
        )
        on_limit = limit.on_limit if limit else "queue"
        if not await self._intake.accept(run, on_limit):
            return await self._other(principal, asking)
        return Accepted(run.id, RunStatus.QUEUED.word)

    async def _define(self, principal: Principal, body: StartBody, size_bytes: int) -> Definition:
        if (body.workflow is UNSET) == (body.document is UNSET):
            raise InvalidBody("give either `workflow` or `document`", pointer="")
        if isinstance(body.workflow, str):
            return await self._workflows.resolve(principal, body.workflow)
        compiled = await self._definitions.compile(
            principal.tenant, body.document, size_bytes=size_bytes
        )
        compiled.require()
        return await self._definitions.store(principal.tenant, body.document, compiled)

    async def _draft(
        self,
        principal: Principal,
        definition: Definition,
        inputs: dict[str, Any],
        labels: dict[str, str],
    ) -> NewRun:
        now = self._clock()
        p = random.randrange(self._partitions.count)
        text = canonical_json(inputs)
        ref = None
        if len(text) > INLINE_BYTES:
            ref = CasRef(await self._cas.put(principal.tenant, text), len(text))
        return NewRun(
            id=run_id(p, int(now * 1000), random.getrandbits(RANDOM_BITS)),
            tenant=principal.tenant,
            partition=p,
            workflow=definition.name,
            version=definition.version,
            document_digest=definition.document_digest,
            ir_digest=definition.ir_digest,
            principal=principal.id,
            accepted_at=datetime.fromtimestamp(now, UTC),
            inputs=None if ref else text,
            inputs_ref=ref,
            start_values=start_values(definition.ir, inputs) if ref else None,
            labels=labels,
        )

    async def earlier(self, principal: Principal, asking: Asking) -> Accepted | None:
        """The run that stands already by this key. Raises KeyReused if another was asked for."""
        if asking.key is None:
            return None
        async with self._db.connection() as c:
            found = await runs.find_by_key(c, principal.tenant, asking.key)
        if found is None:
            return None
        id, digest_then, status = found
        if digest_then != asking.digest:
            raise KeyReused(
                f"run {id} was started with this key and another request",
                pointer="Idempotency-Key:",
            )
        return Accepted(id, RunStatus(status).word)

    async def _other(self, principal: Principal, asking: Asking) -> Accepted:
        """Another request with the same key was quicker."""
        found = await self.earlier(principal, asking)
        if found is None:
            raise RuntimeError("a run was neither written nor found by its key")
        return found


def _uses(run: NewRun, seed: Seed | None) -> set[str]:
    kept = references_in(seed.kept) if seed and seed.kept else set()
    return kept | {run.inputs_ref.digest} if run.inputs_ref else kept


def asking_for(content: Any, *, key: str | None, traceparent: str | None) -> Asking:
    """`content` is all that the request asks for. Raises InvalidInput for a key of another form."""
    return Asking(
        key,
        digest(canonical_json(content)) if check_key(key) else None,
        traceparent if _TRACEPARENT.fullmatch(traceparent or "") else None,
    )


def check_key(key: str | None) -> str | None:
    """Raises InvalidInput unless the key, if there is one, is 1 to 255 visible characters."""
    if key is not None and _KEY.fullmatch(key) is None:
        raise InvalidInput(
            "an idempotency key has 1 to 255 visible ASCII characters", pointer="Idempotency-Key:"
        )
    return key


def start_values(ir: Ir, inputs: dict[str, Any]) -> dict[str, Any]:
    """What the run's owner reads of inputs that are too large to travel inline.

    A path that leads nowhere must be known as missing: the empty object at `inputs`, which is
    asked last, says so. A value that is itself too large is left out, and then nothing says so.
    """
    values: dict[str, Any] = {}
    complete = True
    for text in ir.input_reads:
        value = extract(inputs, parse_path(text)[1:])
        if value is MISSING:
            continue
        if len(canonical_json(value)) > INLINE_BYTES:
            complete = False
        else:
            values[text] = value
    return {"inputs": {}, **values} if complete else values

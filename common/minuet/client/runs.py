"""/runs"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from .answers import decode
from .paging import every
from .paths import segment
from .transport import Transport
from .views import (
    Accepted,
    Blockers,
    Command,
    EventPage,
    LivePage,
    LogLine,
    LogPage,
    Node,
    NodePage,
    Patch,
    PatchPage,
    Retry,
    Run,
    RunEvent,
    RunLine,
    RunPage,
)

POLL_S: Final = 20.0
EVENTS_A_PAGE: Final = 500


class Runs:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def start(
        self,
        workflow: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        *,
        document: Any = None,
        labels: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Accepted:
        """Start a run of `workflow` (`name` or `name@version`) or of a `document`.

        When this returns, the run stands: it will end whatever happens to single processes. The
        same `idempotency_key` again gives the same run; without one this call makes its own, so
        that it can be repeated safely while it waits for an answer. Raises NotFound,
        InvalidDocument, InvalidInputs, Conflict, Unavailable.
        """
        if (workflow is None) == (document is None):
            raise TypeError("give either workflow or document")
        body: dict[str, Any] = {"inputs": inputs or {}}
        body |= {"document": document} if workflow is None else {"workflow": workflow}
        if labels:
            body["labels"] = labels
        return self._transport.post(
            "/runs", Accepted, body, key=idempotency_key or str(uuid.uuid4())
        )

    def show(self, run_id: str) -> Run:
        return self._transport.get(_path(run_id), Run)

    def page(
        self,
        cursor: str | None = None,
        *,
        status: Sequence[str] = (),
        workflow: str | None = None,
        limit: int | None = None,
    ) -> RunPage:
        params = {"cursor": cursor, "status": status, "workflow": workflow, "limit": limit}
        return self._transport.get("/runs", RunPage, params)

    def list(
        self,
        *,
        status: Sequence[str] = (),
        workflow: str | None = None,
        limit: int | None = None,
    ) -> Iterator[RunLine]:
        """Runs, newest first: all of them, or the first `limit`."""
        size = None if limit is None else min(limit, 100)
        return every(
            lambda cursor: self.page(cursor, status=status, workflow=workflow, limit=size), limit
        )

    def nodes_page(
        self, run_id: str, cursor: str | None = None, *, status: Sequence[str] = ()
    ) -> NodePage:
        params = {"cursor": cursor, "status": status}
        return self._transport.get(f"{_path(run_id)}/nodes", NodePage, params)

    def nodes(self, run_id: str, *, status: Sequence[str] = ()) -> Iterator[Node]:
        """Every node of a run, in topological order."""
        return every(lambda cursor: self.nodes_page(run_id, cursor, status=status))

    def node(self, run_id: str, node: str) -> Node:
        """One node with its whole output, unless that is a blob."""
        return self._transport.get(f"{_path(run_id)}/nodes/{segment(node)}", Node)

    def logs(self, run_id: str, node: str) -> Iterator[LogLine]:
        """What a node's executions logged, oldest first."""
        path = f"{_path(run_id)}/nodes/{segment(node)}/logs"
        return every(lambda cursor: self._transport.get(path, LogPage, {"cursor": cursor}))

    def blockers(self, run_id: str) -> Blockers:
        """Why the run does not move: a reason for each live token."""
        return self._transport.get(f"{_path(run_id)}/blockers", Blockers)

    def document(self, run_id: str) -> dict[str, Any]:
        """The document that the run follows."""
        return self._transport.get(f"{_path(run_id)}/document", dict[str, Any])

    def patches(self, run_id: str) -> Iterator[Patch]:
        """Every attempt to change the run's document, refused ones with the reason."""
        path = f"{_path(run_id)}/patches"
        return every(lambda cursor: self._transport.get(path, PatchPage, {"cursor": cursor}))

    def events_page(
        self, run_id: str, after: int = 0, *, wait_s: float = 0, limit: int = EVENTS_A_PAGE
    ) -> EventPage:
        """Recorded events above `after`. With `wait_s` (at most 60) a long poll for the first."""
        params = {"after": after, "limit": limit, "wait": wait_s or None}
        return self._transport.get(f"{_path(run_id)}/events", EventPage, params, wait_s=wait_s)

    def events(self, run_id: str, after: int = 0, *, follow: bool = False) -> Iterator[RunEvent]:
        """The history above `after`, oldest first; with `follow` until the run has ended."""
        while True:
            page = self.events_page(run_id, after, wait_s=POLL_S if follow else 0)
            yield from page.items
            after = max(after, page.after)
            if page.ended or not (follow or page.items):
                return

    def live(self, run_id: str, after: str | None = None) -> LivePage:
        """Starts, progress and logs of nodes since the last look; best effort."""
        return self._transport.get(f"{_path(run_id)}/live", LivePage, {"after": after})

    def wait(
        self,
        run_id: str,
        timeout_s: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> Run:
        """The run, once it has ended. Raises TimeoutError; the run goes on then."""
        deadline = None if timeout_s is None else clock() + timeout_s
        run = self.show(run_id)
        after = run.seq
        while not run.ended:
            left = POLL_S if deadline is None else min(POLL_S, deadline - clock())
            if left <= 0:
                raise TimeoutError(f"run {run_id} is {run.status} after {timeout_s:g} s")
            page = self.events_page(run_id, after, wait_s=left)
            after = max(after, page.after)
            if page.ended or not page.items:
                run = self.show(run_id)
        return run

    def cancel(
        self, run_id: str, reason: str = "", *, idempotency_key: str | None = None
    ) -> Command:
        """Cancel a run. `state` tells whether that is recorded yet; accepted it is in any case. The
        run is `cancelling` until its workers have let go.

        Raises RunEnded (a Conflict) with the status that the run has, and CommandRefused if it is
        ending in another way.
        """
        return self._order(run_id, "cancel", {"reason": reason}, idempotency_key)

    def pause(
        self, run_id: str, reason: str = "", *, idempotency_key: str | None = None
    ) -> Command:
        """Dispatch nothing more of a run. `state` tells whether that is recorded yet.

        Raises RunEnded, and CommandRefused (both Conflicts) with the `reason`.
        """
        return self._order(run_id, "pause", {"reason": reason}, idempotency_key)

    def resume(
        self, run_id: str, reason: str = "", *, idempotency_key: str | None = None
    ) -> Command:
        """As `pause`."""
        return self._order(run_id, "resume", {"reason": reason}, idempotency_key)

    def message(
        self, run_id: str, name: str, data: Any = None, *, idempotency_key: str | None = None
    ) -> Command:
        """Send a message; the node that waits for it ends with it, now or when it gets there.

        Raises as `pause`, TooLarge above 64 KiB.
        """
        where = f"messages/{segment(name)}"
        return self._order(run_id, where, {"data": data}, idempotency_key)

    def _order(self, run_id: str, what: str, body: dict[str, Any], key: str | None) -> Command:
        return self._transport.post(
            f"{_path(run_id)}/{what}",
            Command,
            body,
            key=key or str(uuid.uuid4()),
            wait_s=10.0,
        )

    def retry(
        self,
        run_id: str,
        *,
        from_node: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        patch: Sequence[Any] | None = None,
        document: Any = None,
        newest: bool = False,
        idempotency_key: str | None = None,
    ) -> Accepted:
        """Start a new run from an ended one: from what failed, or from `from_node` on, with other
        `inputs`, a corrected document, or all over on the `newest` version.

        Raises Conflict unless the run has ended, InvalidDocument, InvalidInputs, InvalidInput.
        """
        body = _retry_body(from_node, inputs, patch, document, newest=newest)
        return self._transport.post(
            f"{_path(run_id)}/retry", Accepted, body, key=idempotency_key or str(uuid.uuid4())
        )

    def preview_retry(
        self,
        run_id: str,
        *,
        from_node: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        patch: Sequence[Any] | None = None,
        document: Any = None,
        newest: bool = False,
    ) -> Retry:
        """What such a retry would take over and run again, and what that took last time. Starts
        nothing; raises as `retry`."""
        body = _retry_body(from_node, inputs, patch, document, newest=newest)
        path = f"{_path(run_id)}/retry"
        return self._transport.post(path, Retry, {**body, "dry_run": True}, repeatable=True)

    def delete(self, run_id: str) -> None:
        """Delete a run that has ended, for good, with its child runs and all that is their own.

        Raises RunGoesOn (a Conflict) unless all of them have ended, Conflict for a child run.
        NotFound if it is gone: by an earlier try of this call too, if its answer was lost.
        """
        self._transport.send("DELETE", _path(run_id), repeatable=True)

    def command(self, run_id: str, number: int) -> Command:
        """How far a command of a run has come."""
        return self._transport.get(f"{_path(run_id)}/commands/{number}", Command)

    def start_and_wait(
        self, workflow: str, inputs: Mapping[str, Any] | None = None, *, wait_s: int = 10
    ) -> Run | Accepted:
        """Start a run and get it back ended if that takes at most `wait_s` (60) seconds: one
        request where `start` and `wait` take two or more."""
        response = self._transport.send(
            "POST",
            "/runs",
            body={"workflow": workflow, "inputs": inputs or {}},
            headers={"Prefer": f"wait={wait_s}"},
            key=str(uuid.uuid4()),
            wait_s=wait_s,
        )
        shape: type[msgspec.Struct] = Run if response.status_code == 200 else Accepted
        answer = decode(response, shape)
        assert isinstance(answer, Run | Accepted)
        return answer


def _retry_body(
    from_node: str | None,
    inputs: Mapping[str, Any] | None,
    patch: Sequence[Any] | None,
    document: Any,
    *,
    newest: bool,
) -> dict[str, Any]:
    given = {"from": from_node, "inputs": inputs, "patch": patch, "document": document}
    body = {name: value for name, value in given.items() if value is not None}
    return {**body, "newest": True} if newest else body


def _path(run_id: str) -> str:
    return f"/runs/{segment(run_id)}"

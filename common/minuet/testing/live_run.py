"""A run under way, for tests that have to do something in the middle of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from minuet.ir.materialise import apply_patch
from minuet.ir.patching import statuses
from minuet.model.canonical import canonical_json, digest
from minuet.model.duration import duration_ms
from minuet.model.errors import Conflict
from minuet.model.event import Event
from minuet.model.signal import Start
from minuet.model.status import NodeStatus
from minuet.policy.patches import Change, refusal

from .caller import Caller
from .clock import VirtualClock
from .fakes import MISSING, FakeError
from .library import Program
from .question import Question, check_payload, read_question
from .run import NodeRun, Run
from .simulation import Simulation

PERSON = "person"
WORDS = {status.word for status in NodeStatus}


class Refused(Conflict):
    """The run did not take a command, and goes on as if it had not come. `reason` is not_waiting,
    base_moved, conflict, policy or ended; `detail` lists every fault."""

    code = "refused"

    def __init__(self, reason: str, detail: Iterable[str] = ()) -> None:
        self.reason = reason
        self.detail = list(detail)
        super().__init__("; ".join(self.detail) or reason)


class LiveChild:
    """A run under way, whoever started it.

    Time stands still unless `until`, `advance` or `finish` moves it, or a question is waited
    for. All of them, and all commands, raise FakeError and AssertionError as `Harness.run` does.
    """

    def __init__(
        self,
        simulation: Simulation,
        run: str,
        clock: VirtualClock,
        document: Any,
        compile: Callable[[Any], Program],
    ) -> None:
        self.document = document
        self._simulation = simulation
        self._member = simulation.runs[run]
        self._clock = clock
        self._compile = compile
        self._patches = 0

    @property
    def run(self) -> Run:
        """The run as it stands; what happens later does not change it."""
        return self._simulation.result(self._member.start.run)

    @property
    def now_ms(self) -> int:
        """Virtual ms since the start of the run."""
        return self._clock.now_ms() - self._member.start.accepted_at

    def child(self, node: str, item: int = 0) -> LiveChild:
        """The run that a `map` or `workflow` node started last for this item, once it does. Time
        is the same for all: `finish` of a child goes on to the end of everything.

        Raises FakeError if it never will.
        """
        while (start := self._child(node, item)) is None:
            if not self._simulation.step():
                raise FakeError(f"node {node!r} never started a run for item {item}")
        document = self._simulation.documents[start.document or ""]
        return LiveChild(self._simulation, start.run, self._clock, document, self._compile)

    def _child(self, node: str, item: int) -> Start | None:
        self._cell(node)
        for start in reversed(self._member.children):
            parent = start.parent
            if parent is not None and parent.node == node and (parent.item or 0) == item:
                return start if self._simulation.has_begun(start.run) else None
        return None

    # ── time ──────────────────────────────────────────────────────────────────────────────────

    def advance(self, duration: str) -> Run:
        """Let that much time pass, as in "90m", with all that happens meanwhile."""
        end = self._clock.now_ms() + duration_ms(duration)
        while self._simulation.step(end):
            pass
        self._clock.jump_to(end)
        return self.run

    def finish(self) -> Run:
        """On to the end, or until only a person or a message could go on. An approval that has a
        timeout expires."""
        while self._simulation.step():
            pass
        return self.run

    def until(self, node: str, *wanted: str) -> NodeRun:
        """On until the node has one of these statuses; without any, until it was reached.

        A node is `ready` from its dispatch to the end of its call. Raises FakeError if nothing is
        left that could bring it there.
        """
        if unknown := {*wanted} - WORDS:
            raise FakeError(f"no node is ever {', '.join(sorted(unknown))}")
        statuses = wanted or tuple(WORDS - {NodeStatus.PENDING.word})
        while self._status(node).word not in statuses:
            if not self._simulation.step():
                raise FakeError(
                    f"node {node!r} never was {' or '.join(wanted) or 'reached'}: it is "
                    f"{self._status(node).word}, and the run {self._member.state.status.word}"
                )
        return self.run.node(node)

    # ── people ────────────────────────────────────────────────────────────────────────────────

    def question(self, node: str) -> Question:
        """What the node asks, once it does. Raises FakeError if it never will."""
        if self._status(node) is not NodeStatus.WAITING:
            self.until(node, NodeStatus.WAITING.word)
        return read_question(self.run, node, self._gen(node), self._member.start.accepted_at)

    def approve(
        self, node: str, *, by: str = PERSON, comment: str = "", payload: Any = MISSING
    ) -> None:
        """Approve as proposed, or with another payload, once the node asks. Raises FakeError if it
        never will, or if the payload does not fit the form."""
        question = self.question(node)
        decided = question.payload if payload is MISSING else payload
        check_payload(question, decided)
        self._decide("approve", node, by, comment, decided)

    def reject(self, node: str, *, by: str = PERSON, comment: str = "") -> None:
        """Reject, once the node asks. Raises FakeError if it never will."""
        self._decide("reject", node, by, comment, self.question(node).payload)

    def _decide(self, decision: str, node: str, by: str, comment: str, payload: Any) -> None:
        data = {"node": node, "gen": self._gen(node), "decision": decision, "payload": payload}
        self._command("decision", {**data, "by": by, **_kept(comment=comment)}, by)

    # ── commands ──────────────────────────────────────────────────────────────────────────────

    def cancel(self, reason: str = "", *, by: str = PERSON) -> Run:
        """Cancel the run, now, with all that follows at once: workers let go of what they have in
        hand. Raises Refused if it has ended."""
        self._command("cancel", _kept(reason=reason), by)
        return self.advance("0s")

    def message(self, name: str, data: Any = None, *, by: str = PERSON) -> None:
        """Send a message, now: it ends the first node that waits for it, or is kept until one
        does. Raises Refused if the run keeps too many."""
        self._command("message", {"name": name, "data": data, "by": by}, by)

    def pause(self, *, by: str = PERSON) -> None:
        """Hold back what would start from now on; what runs goes on. Raises Refused."""
        self._command("pause", {}, by)

    def resume(self, *, by: str = PERSON) -> None:
        """Raises Refused if the run is not paused."""
        self._command("resume", {}, by)

    def patch(
        self,
        operations: Iterable[Mapping[str, Any]],
        *,
        by: str = PERSON,
        agent: str | None = None,
        note: str = "",
    ) -> None:
        """Change the document of the run, now: RFC 6902 operations, as the API takes them.

        `agent` is the node whose agent asks for it, to which less is allowed than to a person. What
        the patch brings must have been faked with `late=True`.
        Raises PatchError, InvalidDocument, and Refused for what the run cannot take.
        """
        changed = apply_patch(self.document, operations)
        state = self._member.state
        program = self._compile(changed).after(state.plan.ir)
        plan = program.plan
        change = Change(state.plan.ir, plan.ir, self.document, changed, agent)
        if (refused := refusal(change, statuses(state))) is not None:
            raise Refused(refused.reason, refused.faults)
        self._patches += 1
        data = {
            "patch": f"patch-{self._patches}",
            "base": state.plan.digest,
            "ir": plan.digest,
            "document": digest(canonical_json(changed)),
            "by": by,
            **_kept(note=note),
        }
        self._command("patch", data, by, program)
        self.document = changed

    def _command(
        self, name: str, data: dict[str, Any], by: str, program: Program | None = None
    ) -> None:
        status = self._member.state.status
        if status.ended:
            raise Refused("ended", [f"the run has ended: {status.word}"])
        events = self._simulation.command(self._member.start.run, name, data, by, program)
        if refused := _refusal(events):
            raise Refused(refused["reason"], refused.get("detail", ()))

    # ── nodes ─────────────────────────────────────────────────────────────────────────────────

    def _status(self, node: str) -> NodeStatus:
        return NodeStatus(self._cell(node)[0])

    def _gen(self, node: str) -> int:
        return int(self._cell(node)[1])

    def _cell(self, node: str) -> tuple[int, ...]:
        """Status, gen and what the engine keeps beside them. Raises FakeError."""
        state = self._member.state
        if node not in state.plan.index:
            raise FakeError(f"no node {node!r}; there are {', '.join(state.plan.index)}")
        return tuple(state.frontier.cell(state.plan.index[node]))


class LiveRun(LiveChild):
    """One that the test started: use it with `with`."""

    def __init__(
        self,
        simulation: Simulation,
        caller: Caller,
        clock: VirtualClock,
        document: Any,
        compile: Callable[[Any], Program],
    ) -> None:
        super().__init__(simulation, simulation.root, clock, document, compile)
        self._caller = caller

    def __enter__(self) -> Self:
        try:
            self._simulation.begin()
        except BaseException:
            self._caller.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._caller.close()


def _refusal(events: Iterable[Event]) -> dict[str, Any] | None:
    return next((each.data for each in events if each.type == "command.refused"), None)


def _kept(**texts: str) -> dict[str, str]:
    return {name: text for name, text in texts.items() if text}

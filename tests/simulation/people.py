"""Who starts runs and steers them: the API's part, played by the world."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import msgspec

from minuet.bus.memory_state import State
from minuet.model.ids import RANDOM_BITS, run_id
from minuet.model.ir import Ir
from minuet.model.signal import Start
from minuet.model.state import NodeRecord
from minuet.model.status import NodeStatus, RunStatus
from minuet.services.orchestrator.relay import Relay
from minuet.store.runs import StartRow

from .documents import Program
from .postgres import Postgres, RunRow, Transaction
from .processes import TENANT
from .redis import EPOCH_MS
from .statements import add_command

STEERING = ("pause", "resume", "message", "message", "decision", "cancel", "patch")


class People:
    """`relay` gives that of an orchestrator that is up, if there is one."""

    def __init__(
        self, postgres: Postgres, random: Random, relay: Callable[[], Relay | None]
    ) -> None:
        self._postgres = postgres
        self._random = random
        self._programs: dict[str, Program] = {}
        self._relay = relay

    def accept(self, partition: int, program: Program) -> str:
        """Write the row of a run, and mostly offer it at once."""
        ms = EPOCH_MS + int(self._postgres.loop.time() * 1000)
        id = run_id(partition, ms, self._random.getrandbits(RANDOM_BITS))
        self._programs[id] = program
        self._store(program)
        start = StartRow(
            id=id, tenant=TENANT, partition=partition, workflow="random", version=1,
            ir_digest=program.ir, accepted_at=self._postgres.now(),
            inputs=b'{"x":%d}' % self._random.randint(0, 6), inputs_ref=None, start_values=None,
            traceparent=None, priority=self._random.choice([1, 5, 5, 9]),
        )  # fmt: skip
        self._postgres.tables.runs[id] = RunRow(start, relayed_at=self._postgres.loop.time())
        if (relay := self._offered()) is not None:
            relay.offer_start(start)
        return id

    def _store(self, program: Program) -> None:
        blobs = self._postgres.tables.blobs
        blobs.update({(TENANT, digest): text for digest, text in program.blobs.items()})

    def steer(self, state: State) -> None:
        """Any command to any run, sensible or not."""
        live = [(id, row) for id, row in self._postgres.tables.runs.items() if not row.ended]
        if not live:
            return
        id, row = self._random.choice(live)
        name = self._random.choice(STEERING)
        self._command(id, name, self._data(id, row, name, state))

    def _data(self, id: str, row: RunRow, name: str, state: State) -> dict[str, Any] | None:
        match name:
            case "message":
                return {"name": self._random.choice(["go", "stop"]), "data": 1, "by": "somebody"}
            case "decision":
                return next(iter(self._decisions(id, state)), None)
            case "patch":
                return self._patch(id)
        return {}

    def _patch(self, id: str) -> dict[str, Any] | None:
        program = self._programs.get(id)
        if program is None or not program.patches:
            return None
        patched = self._random.choice(program.patches)
        self._store(patched)
        return {
            "patch": f"p{self._random.getrandbits(32)}", "base": program.ir, "ir": patched.ir,
            "document": "d", "by": "somebody",
        }  # fmt: skip

    def _decisions(self, id: str, state: State) -> list[dict[str, Any]]:
        return [
            {
                "node": node, "gen": record.gen, "by": "somebody",
                "decision": self._random.choice(["approve", "approve", "reject"]),
            }
            for node, record, type_ in self._waiting(id, state)
            if type_ == "hitl"
        ]  # fmt: skip

    def answer(self, state: State) -> None:
        """Whatever waits for somebody gets what it waits for."""
        for id, row in list(self._postgres.tables.runs.items()):
            if row.ended or row.cmd < row.last_command:
                continue  # what was said before must arrive first
            if row.status == RunStatus.PAUSED:
                self._command(id, "resume", {})
                continue
            waiting = self._waiting(id, state)
            for data in self._decisions(id, state):
                self._command(id, "decision", data)
            if any(type_ == "wait" for _, _, type_ in waiting):
                for name in ("go", "stop"):
                    self._command(id, "message", {"name": name, "data": 2, "by": "somebody"})

    def _waiting(self, id: str, state: State) -> list[tuple[str, NodeRecord, str]]:
        """Nodes that wait without a timer, with their types."""
        fields = state.partitions[int(id.split("-", 1)[0])].runs.get(id)
        if fields is None or "meta" not in fields:
            return []
        start = msgspec.json.decode(fields["meta"], type=Start)
        digest = fields["ir"].decode() if "ir" in fields else start.ir
        ir = msgspec.json.decode(self._postgres.tables.blobs[TENANT, digest], type=Ir)
        types = {node.id: node.type for node in ir.nodes}
        records = {
            name[2:]: NodeRecord.decode(text.decode())
            for name, text in fields.items()
            if name[:2] == "n:"
        }
        return [
            (node, record, types[node])
            for node, record in records.items()
            if record.status is NodeStatus.WAITING and not record.due_at and node in types
        ]

    def _command(self, run: str, name: str, data: dict[str, Any] | None) -> None:
        if data is None:
            return
        transaction = Transaction(self._postgres, self._postgres.loop.world)
        row = add_command(transaction, run, name, data, "somebody")
        if row is not None and (relay := self._offered()) is not None:
            relay.offer_command(int(run.split("-", 1)[0]), TENANT, row)

    def _offered(self) -> Relay | None:
        """Now and then the API dies right after it has written."""
        return self._relay() if self._random.random() < 0.8 else None

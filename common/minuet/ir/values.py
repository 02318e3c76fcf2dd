"""Reading a run's values by path: for expressions (decoded) and for task tokens (raw JSON)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from minuet.expr.paths import MISSING, Path, build_context, extract, format_path
from minuet.model.state import Stored
from minuet.model.token import CasRef

from .run_state import RunState

_NULL = Stored()
_encode = msgspec.json.Encoder().encode


class NeedsBlob(Exception):
    """The value lies in the content-addressed store: the owner cannot read it."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{format_path(path)} is too large to be read inline")
        self.path = path


class Values:
    """Reads of one run during one transition; decoded values are kept until then."""

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._decoded: dict[str, Any] = {}

    def context(
        self, paths: Iterable[Path], *, source: str = "", iteration: int = 0
    ) -> dict[str, Any]:
        """Nested context for an expression. `source` is the node that `output` means.

        Raises NeedsBlob if a value is not at hand.
        """
        return build_context({path: self.get(path, source, iteration) for path in paths})

    def get(self, path: Path, source: str = "", iteration: int = 0) -> Any:
        """The value, or MISSING. Raises NeedsBlob."""
        match path:
            case ("iteration", *tail):
                return extract(iteration, tuple(tail))
            case ("run", *tail):
                return extract(self._run(), tuple(tail))
        name, stored, tail_path = self._locate(path, source)
        if stored.ref is None:
            return extract(self._decode(name, stored), tail_path)
        if (blob := self._state.blobs.get(stored.ref.digest)) is not None:
            return extract(self._decode(name, Stored(msgspec.Raw(blob))), tail_path)
        root = "inputs" if path[0] == "inputs" else "output"
        for cut in range(len(tail_path), -1, -1):
            key = format_path((root, *tail_path[:cut]))
            if key in stored.values:
                return extract(stored.values[key], tail_path[cut:])
        raise NeedsBlob(path)

    def raw(self, path: Path, iteration: int = 0) -> msgspec.Raw | CasRef | None:
        """The value as JSON, a reference to where it lies, or None if it is missing."""
        if path[0] not in ("inputs", "nodes"):
            return msgspec.Raw(_encode(self.get(path, iteration=iteration)))
        name, stored, tail = self._locate(path, "")
        if stored.ref is not None:
            inner = format_path(tail) if tail else ""
            return CasRef(digest=stored.ref.digest, size_bytes=stored.ref.size_bytes, path=inner)
        if not tail:
            return stored.value
        value = extract(self._decode(name, stored), tail)
        return None if value is MISSING else msgspec.Raw(_encode(value))

    def _locate(self, path: Path, source: str) -> tuple[str, Stored, Path]:
        """(name, where it is stored, the rest of the path)."""
        if path[0] == "inputs":
            return "", self._inputs(), path[1:]
        node, tail = (source, path[1:]) if path[0] == "output" else (path[1], path[3:])
        return node, self._state.outputs.get(node, _NULL), tail

    def _decode(self, name: str, stored: Stored) -> Any:
        if name not in self._decoded:
            self._decoded[name] = msgspec.json.decode(stored.value)
        return self._decoded[name]

    def forget(self, node: str) -> None:
        """The node's output was replaced."""
        self._decoded.pop(node, None)

    def _inputs(self) -> Stored:
        start = self._state.start
        return Stored(value=start.inputs, ref=start.inputs_ref, values=start.values)

    def _run(self) -> dict[str, Any]:
        start = self._state.start
        return {
            "id": start.run,
            "workflow": start.workflow,
            "version": start.workflow_version,
            "tenant": start.tenant,
            "accepted_at": start.accepted_at,
        }

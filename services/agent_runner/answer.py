"""How an agent's answer is judged: text, a value that fits a schema, a port."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import msgspec

from minuet.model.errors import TerminalError

from .config import AgentConfig
from .turns import ToolCall

SUCCESS = "success"


class Calls(msgspec.Struct, frozen=True):
    """The model wants tools."""

    calls: list[ToolCall]


class Answer(msgspec.Struct, frozen=True):
    """The end of the conversation."""

    output: Any
    port: str = SUCCESS


class Fault(msgspec.Struct, frozen=True):
    """Not an answer; `message` tells the model why."""

    message: str


class Judge:
    """Raises TerminalError (code `config`) when made for a schema that is none."""

    def __init__(self, config: AgentConfig) -> None:
        self.ports = config.ports
        self.schema = config.output_schema
        self._validator = validator_of(config.output_schema)

    def answer(self, output: Any, port: str | None) -> Answer | Fault:
        """`port` is None if the model named none."""
        if self.ports and port not in self.ports:
            return Fault(f"port must be one of {', '.join(self.ports)}, not {port!r}")
        if self._validator is not None:
            errors = list(self._validator.iter_errors(output))
            if errors:
                return Fault(f"the output does not fit its schema: {shown(errors)}")
        return Answer(output, port or SUCCESS)

    def value(self, text: str) -> Answer | Fault:
        """An answer given as plain text, which must be JSON if there is a schema."""
        if self._validator is None:
            return Answer(text) if text else Fault("the answer is empty")
        try:
            return self.answer(msgspec.json.decode(text), None)
        except msgspec.DecodeError as exc:
            return Fault(f"the answer must be one JSON value: {exc}")


def validator_of(schema: dict[str, Any] | None) -> jsonschema_rs.Validator | None:
    if schema is None:
        return None
    try:
        return jsonschema_rs.validator_for(schema)
    except (jsonschema_rs.ValidationError, ValueError) as exc:
        raise TerminalError(f"output_schema is no JSON Schema: {exc}", code="config") from exc


def shown(errors: list[Any]) -> str:
    lines = []
    for error in errors[:5]:
        where = "".join(f"/{part}" for part in error.instance_path)
        lines.append(f"{where or '/'}: {error.message}")
    return "; ".join(lines)[:1000]


def arguments_of(call: ToolCall) -> dict[str, Any] | Fault:
    try:
        value = msgspec.json.decode(call.arguments or "{}")
    except msgspec.DecodeError as exc:
        return Fault(f"the arguments are no JSON: {exc}")
    if not isinstance(value, dict):
        return Fault("the arguments must be a JSON object")
    return value

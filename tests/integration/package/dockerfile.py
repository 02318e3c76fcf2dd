"""Reading a Dockerfile, as far as ours goes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Stage:
    """`steps` are (instruction, rest), in order, without FROM."""

    name: str
    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        return [rest for name, rest in self.steps if name == instruction]

    def last(self, instruction: str) -> str:
        return self.all(instruction)[-1]

    def last_list(self, instruction: str) -> list[str]:
        """Of an instruction in JSON form."""
        value: list[str] = json.loads(self.last(instruction))
        return value

    def environment(self) -> dict[str, str]:
        pairs = (pair.split("=", 1) for rest in self.all("ENV") for pair in rest.split())
        return {name: value for name, value in pairs}  # noqa: C416


def read_dockerfile(path: Path) -> dict[str, Stage]:
    """Stages by name."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    stages: dict[str, Stage] = {}
    current: Stage | None = None
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        instruction, _, rest = line.strip().partition(" ")
        if instruction == "FROM":
            base, _, name = rest.split()
            current = stages[name] = Stage(name, base)
        elif instruction and current is not None:
            current.steps.append((instruction, rest.strip()))
    return stages

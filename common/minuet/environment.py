"""Read typed values from environment variables and collect every fault on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from minuet.model.errors import MinuetError

Value = TypeVar("Value")


class SettingsError(MinuetError):
    """The environment does not hold; `faults` has one line for each variable that is wrong."""

    code = "bad_settings"

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class EnvironmentReader:
    """Reads variables; a bad one is noted in `faults` and yields its default, so reading goes on.

    Call `raise_if_faulty` before the values are used. An empty variable counts as unset.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.faults: list[str] = []

    def text(self, name: str, default: str) -> str:
        return self._env.get(name) or default

    def secret(self, name: str) -> str | None:
        return self._env.get(name) or None

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        return self._number(name, default, int, "a whole number", low, high)

    def decimal(self, name: str, default: float, *, low: float, high: float) -> float:
        return self._number(name, default, float, "a number", low, high)

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, default).lower()
        self.require(value in allowed, f"{name} must be one of {', '.join(allowed)}, not {value!r}")
        return value if value in allowed else default

    def items(self, name: str) -> tuple[str, ...]:
        """Values parted by commas; blanks around them and empty ones are dropped."""
        return tuple(part.strip() for part in self.text(name, "").split(",") if part.strip())

    def address(self, name: str, default: str, schemes: tuple[str, ...]) -> str:
        """A URL. Faults name the schemes but never the value, which may hold a password."""
        value = self.text(name, default)
        if value.split("://", 1)[0] in schemes and "://" in value:
            return value
        self.faults.append(f"{name} must start with {' or '.join(f'{s}://' for s in schemes)}")
        return default

    def optional_address(self, name: str, schemes: tuple[str, ...]) -> str | None:
        """A URL, or None where the variable is not set."""
        return self.address(name, "", schemes) if self._env.get(name) else None

    def require(self, holds: bool, fault: str) -> None:
        if not holds:
            self.faults.append(fault)

    def raise_if_faulty(self) -> None:
        if self.faults:
            raise SettingsError(self.faults)

    def _number(
        self,
        name: str,
        default: Value,
        parse: Callable[[str], Value],
        kind: str,
        low: Value,
        high: Value,
    ) -> Value:
        raw = self._env.get(name)
        if not raw:
            return default
        try:
            value = parse(raw)
        except ValueError:
            self.faults.append(f"{name} must be {kind}, not {raw!r}")
            return default
        if low <= value <= high:  # type: ignore[operator]  # NaN fails this too
            return value
        self.faults.append(f"{name} must be between {low} and {high}, not {raw}")
        return default

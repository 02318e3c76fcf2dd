"""Secrets: where configs get them, and how they stay out of everything that is recorded."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

from minuet.model.errors import TerminalError

MASK = "***"
SHORTEST_PART = 4  # shorter secrets are masked only where a string is nothing else
VARIABLE = "MINUET_SECRET_"


class Secrets:
    """Looks secrets up by name in `MINUET_SECRET_<NAME>` of a given environment."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._values = {
            name.removeprefix(VARIABLE).lower(): value
            for name, value in env.items()
            if name.startswith(VARIABLE) and value
        }

    def get(self, name: str) -> str:
        """Names are the same in any case. Raises TerminalError (code `secret`) if there is none."""
        try:
            return self._values[name.lower()]
        except KeyError:
            raise TerminalError(
                f"this worker has no secret {name!r}; it reads {VARIABLE}{name.upper()}",
                code="secret",
            ) from None

    def scope(self) -> SecretScope:
        return SecretScope(self.get)

    def __repr__(self) -> str:
        return f"Secrets({len(self._values)} names)"


class SecretScope:
    """The secrets that one execution has read; masks them in what it gives away."""

    __slots__ = ("_pattern", "_resolve", "_values")

    def __init__(self, resolve: Callable[[str], str]) -> None:
        self._resolve = resolve
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def __call__(self, name: str) -> str:
        value = self._resolve(name)
        self._values.add(value)
        self._pattern = None
        return value

    def __bool__(self) -> bool:
        return bool(self._values)

    def mask_text(self, text: str) -> str:
        """`text` without any form of the secrets: raw, URL-encoded, base64, JSON-escaped."""
        if text in self._values:
            return MASK
        if self._pattern is None:
            forms = {form for value in self._values for form in forms_of(value)}
            longest_first = sorted(forms, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        return self._pattern.sub(MASK, text)

    def mask(self, value: Any) -> Any:
        """A JSON value with every string masked, keys included."""
        if isinstance(value, str):
            return self.mask_text(value)
        if isinstance(value, dict):
            return {self.mask(key): self.mask(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.mask(item) for item in value]
        return value


@lru_cache(maxsize=256)
def forms_of(value: str) -> frozenset[str]:
    """Every spelling of a secret that could leak it, each at least SHORTEST_PART long."""
    forms = {value, value.strip(), quote(value), quote(value, safe=""), quote_plus(value)}
    forms |= {form.lower() for form in forms if "%" in form}
    forms.add(json.dumps(value)[1:-1])
    forms.add(json.dumps(value, ensure_ascii=False)[1:-1])
    forms |= base64_forms(value.encode())
    return frozenset(form for form in forms if len(form) >= SHORTEST_PART)


def base64_forms(data: bytes) -> set[str]:
    """What is left of `data` in base64 wherever it starts inside a larger text.

    Three alignments, without the first and last characters that its neighbours also shape.
    """
    forms: set[str] = set()
    for before in range(3):
        padded = b"\0" * before + data
        whole_bits = len(padded) * 8 // 6
        first = -(-before * 8 // 6)
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            forms.add(encode(padded).decode()[first:whole_bits])
    return forms

"""Results that a new run takes over, in the form in which its start carries them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from minuet.expr.paths import MISSING, extract, parse_path
from minuet.model.canonical import canonical_json
from minuet.model.errors import StoreUnavailable
from minuet.model.ir import Ir
from minuet.model.signal import Kept
from minuet.model.state import Stored
from minuet.model.token import CasRef

from ..ports import Cas
from .past import PastNode

INLINE_BYTES: Final = 4 * 1024
TINY_BYTES: Final = 160  # a reference takes no less
ALL_INLINE_BYTES: Final = 512 * 1024
VALUE_BYTES: Final = 64 * 1024
AT_ONCE: Final = 32


async def keep_results(
    cas: Cas, tenant: str, ir: Ir, past: Mapping[str, PastNode], nodes: Iterable[str]
) -> dict[str, Kept]:
    """The results of `nodes`, whose readers are those of `ir`.

    A start is read with its run every time that this is loaded: what is large goes by reference,
    with the values that conditions and inline nodes read. Raises StoreUnavailable.
    """
    returns = {node.id: node.returns for node in ir.nodes}
    packer = _Packer(cas, tenant)
    inline: dict[str, Kept] = {}
    apart: list[str] = []
    used = 0
    for node in nodes:
        stored, size = past[node].stored, len(bytes(past[node].stored.value))
        fits = size <= TINY_BYTES or (size <= INLINE_BYTES and used + size <= ALL_INLINE_BYTES)
        if stored.ref is None and fits:
            used += size
            inline[node] = Kept(past[node].port, msgspec.Raw(bytes(stored.value)))
        else:
            apart.append(node)
    for at in range(0, len(apart), AT_ONCE):
        chunk = apart[at : at + AT_ONCE]
        packed = await asyncio.gather(
            *(packer.pack(past[node].stored, returns[node]) for node in chunk)
        )
        for node, (ref, values) in zip(chunk, packed, strict=True):
            inline[node] = Kept(past[node].port, output_ref=ref, values=values)
    return inline


class _Packer:
    def __init__(self, cas: Cas, tenant: str) -> None:
        self._cas = cas
        self._tenant = tenant

    async def pack(self, stored: Stored, returns: list[str]) -> tuple[CasRef, dict[str, Any]]:
        """Where the output lies durably, and what is read of it inline. A value that is itself too
        large is left out: the expression that reads it then fails visibly."""
        if stored.ref is None:
            output = msgspec.json.decode(stored.value)
            text = canonical_json(output)
            ref = CasRef(await self._cas.put(self._tenant, text), len(text))
        else:
            ref = stored.ref
            if all(text in stored.values for text in returns):
                return ref, {text: stored.values[text] for text in returns}
            output = await self._read(ref)
        return ref, _values(output, returns)

    async def _read(self, ref: CasRef) -> Any:
        data = await self._cas.get(self._tenant, ref.digest)
        if data is None:
            raise StoreUnavailable(f"the blob {ref.digest} is missing")
        return extract(msgspec.json.decode(data), parse_path(ref.path))


def _values(output: Any, returns: list[str]) -> dict[str, Any]:
    found = {text: extract(output, parse_path(text)[1:]) for text in returns}
    return {
        text: value
        for text, value in found.items()
        if value is not MISSING and len(msgspec.json.encode(value)) <= VALUE_BYTES
    }

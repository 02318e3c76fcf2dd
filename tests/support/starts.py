"""Starts many runs quickly: a general HTTP client would cost more than the suite it measures."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

RETRY_S = 0.1


class Starter:
    """Posts to /runs over kept connections, as a careful client: each start has an idempotency key
    and is repeated, after lost connections and 5xx, until it is answered 2xx."""

    def __init__(self, url: str, api_key: str, inputs: dict[str, Any] | None = None) -> None:
        self._inputs = inputs or {}
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._host, self._port, self._key = parts.hostname, parts.port, api_key

    def start(self, workflow: str, count: int, *, key: str, connections: int = 32) -> list[str]:
        """Run ids, in no order. `key` is the prefix of the idempotency keys."""
        return asyncio.run(self.start_async(workflow, count, key=key, connections=connections))

    async def start_async(
        self, workflow: str, count: int, *, key: str, connections: int = 32
    ) -> list[str]:
        numbers = iter(range(count))
        found: list[str] = []
        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(self._serve(workflow, key, numbers, found))
        return found

    async def _serve(
        self, workflow: str, key: str, numbers: Iterator[int], found: list[str]
    ) -> None:
        connection: _Connection | None = None
        body = json.dumps({"workflow": workflow, "inputs": self._inputs}).encode()
        for number in numbers:
            while True:
                try:
                    connection = connection or await _Connection.open(self._host, self._port)
                    status, answer = await connection.post(body, self._key, f"{key}-{number}")
                except (OSError, EOFError):
                    if connection is not None:
                        connection.close()
                    connection = None
                    await asyncio.sleep(RETRY_S)
                    continue
                if status in (200, 202):
                    found.append(str(answer["id"]))
                    break
                assert status >= 500, answer
                await asyncio.sleep(RETRY_S)
        if connection is not None:
            connection.close()


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, host: str, port: int | None) -> _Connection:
        return cls(*await asyncio.open_connection(host, port))

    async def post(self, body: bytes, api_key: str, key: str) -> tuple[int, Any]:
        """(status, decoded body). Raises OSError or EOFError when the connection is lost."""
        head = (
            f"POST /api/v1/runs HTTP/1.1\r\nHost: minuet\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {api_key}\r\nIdempotency-Key: {key}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        status, body_text = int(answer.split(b" ", 2)[1]), await self._reader.readexactly(length)
        return status, json.loads(body_text) if status < 500 else body_text

    def close(self) -> None:
        self._writer.close()

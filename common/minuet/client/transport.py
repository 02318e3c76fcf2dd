"""One request: headers, retries, errors."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import httpx
import msgspec
import stamina

import minuet
from minuet.model.errors import Overloaded, Unavailable

from .answers import decode, error_of
from .errors import Unreachable

T = TypeVar("T")

BASE: Final = "/api/v1"
CONNECT_TIMEOUT_S: Final = 5.0
READ_TIMEOUT_S: Final = 30.0
MAX_WAIT_S: Final = 2.0

Params = Mapping[str, str | int | float | Sequence[str] | None]


class Transport:
    """Sends requests to one suite. Not for use by several threads at once.

    What is safe to repeat is repeated for up to `patience_s` seconds while the suite is away or
    says that it has too much to do; a wait that the suite asks for beyond that is not waited for.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None,
        *,
        patience_s: float = 5.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._patience_s = patience_s
        headers = {"User-Agent": f"minuet/{minuet.__version__}", "Accept": "application/json"}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        self._http = httpx.Client(
            base_url=self.url + BASE,
            headers=headers,
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            transport=transport,
            trust_env=not _is_local(self.url),  # a proxy leads away from this machine
        )

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, shape: type[T], params: Params | None = None, **options: Any) -> T:
        return decode(self.send("GET", path, params=params, repeatable=True, **options), shape)

    def post(self, path: str, shape: type[T], body: Any, **options: Any) -> T:
        """Pass `key` (an idempotency key) or `repeatable=True` to have it repeated."""
        return decode(self.send("POST", path, body=body, **options), shape)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        key: str | None = None,
        repeatable: bool = False,
        wait_s: float = 0.0,
    ) -> httpx.Response:
        """The answer, if it is below 400. `wait_s` is how long the suite was asked to wait.

        Raises what `answers.error_of` makes of it, and Unreachable.
        """
        sent = dict(headers or {})
        if key is not None:
            sent["Idempotency-Key"] = key
        if body is not None:
            sent["Content-Type"] = "application/json"
        request = self._http.build_request(
            method,
            path,
            params={k: v for k, v in (params or {}).items() if v is not None},
            content=None if body is None else msgspec.json.encode(body),
            headers=sent,
            timeout=httpx.Timeout(READ_TIMEOUT_S + wait_s, connect=CONNECT_TIMEOUT_S),
        )
        if not (repeatable or key is not None):
            return self._send_once(request)
        for attempt in stamina.retry_context(
            on=self._pause_s, attempts=None, timeout=self._patience_s + wait_s, wait_initial=0.1,
            wait_max=MAX_WAIT_S, wait_jitter=0.1,
        ):  # fmt: skip
            with attempt:
                return self._send_once(request)
        raise AssertionError("the last attempt returns or raises")

    def _pause_s(self, error: Exception) -> bool | float:
        """Whether to repeat, or after how many seconds."""
        if isinstance(error, Overloaded):
            return error.retry_after_s if error.retry_after_s <= self._patience_s else False
        return isinstance(error, Unavailable)

    def _send_once(self, request: httpx.Request) -> httpx.Response:
        try:
            response = self._http.send(request)
        except httpx.HTTPError as exc:
            raise Unreachable(self.url, str(exc) or type(exc).__name__) from exc
        if response.status_code >= 400:
            raise error_of(response)
        return response


def _is_local(url: str) -> bool:
    host = httpx.URL(url).host
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

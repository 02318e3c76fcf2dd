"""The model server: one streamed answer, asked for again while that makes sense."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import stamina

from minuet.model.errors import NodeError, RetryableError, TerminalError
from minuet.net import AddressRefused, Dialler
from minuet.worker.secrets import SecretScope

from .config import AgentConfig
from .deltas import Deltas
from .settings import AgentSettings
from .turns import Replied, ToolCall, Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI

ATTEMPTS = 6
CHARS_A_TOKEN = 4
RETRIED = frozenset({408, 409, 425, 429})
MAX_MESSAGE = 500
UNSET = (
    "no model is configured: set MINUET_LLM_BASE_URL and MINUET_LLM_MODEL (and MINUET_LLM_API_KEY "
    "if the server wants one) for the agent runner, or give the node base_url and model"
)


@dataclass(slots=True)
class Assembly:
    """An answer that is still coming in."""

    content: list[str] = field(default_factory=list)
    calls: dict[int, list[str]] = field(default_factory=dict)
    finish_reason: str = ""
    model: str = ""
    usage: Usage | None = None

    def take(self, chunk: Any, deltas: Deltas) -> None:
        self.model = chunk.model or self.model
        if chunk.usage is not None:
            self.usage = Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        for choice in chunk.choices:
            self.finish_reason = choice.finish_reason or self.finish_reason
            if choice.delta.content:
                self.content.append(choice.delta.content)
                deltas.feed(choice.delta.content)
            for part in choice.delta.tool_calls or ():
                self._take_call(part)

    def _take_call(self, part: Any) -> None:
        call = self.calls.setdefault(part.index, ["", "", ""])
        call[0] = part.id or call[0]
        if part.function is not None:
            call[1] += part.function.name or ""
            call[2] += part.function.arguments or ""

    def reply(self, request: dict[str, Any]) -> Replied:
        """Raises RetryableError if the stream ended before the answer did."""
        if not self.finish_reason:
            raise RetryableError("the model's answer ended too early", code="model_cut")
        content = "".join(self.content)
        calls = [ToolCall(id or f"call_{i}", name, arguments or "{}")
                 for i, (id, name, arguments) in sorted(self.calls.items())]  # fmt: skip
        said = len(content) + sum(len(call.arguments) for call in calls)
        estimate = Usage(
            len(str(request["messages"])) // CHARS_A_TOKEN, said // CHARS_A_TOKEN, estimated=True
        )
        return Replied(content, calls, self.finish_reason, self.model, self.usage or estimate)


class Model:
    """One node's model: its server, its name, and the key, which stays out of every message."""

    def __init__(self, client: AsyncOpenAI, name: str, scope: SecretScope) -> None:
        self._client = client
        self._scope = scope
        self.name = name

    async def ask(self, request: dict[str, Any], deltas: Deltas, deadline: datetime) -> Replied:
        """A finished turn. 429, 5xx, broken connections and cut streams are asked again, after
        Retry-After if the server says one; not past `deadline`. Raises NodeError.

        Cancelling closes the connection, which is what stops the model.
        """
        async for attempt in stamina.retry_context(
            on=worth_waiting(deadline), attempts=ATTEMPTS, timeout=None, wait_initial=0.2,
            wait_max=20.0, wait_jitter=0.2,
        ):  # fmt: skip
            with attempt:
                if attempt.num > 1:
                    deltas.restart()
                return await self._ask_once(request, deltas)
        raise AssertionError("the last attempt raises")

    async def _ask_once(self, request: dict[str, Any], deltas: Deltas) -> Replied:
        import openai

        assembly = Assembly()
        try:
            # As `extra_body` the conversation is sent as it is: walking each message for keys to
            # rename takes the SDK seven times as long as all the rest of a turn.
            stream = await self._client.chat.completions.create(
                model=self.name, messages=[], stream=True, stream_options={"include_usage": True},
                extra_body=request,
            )  # fmt: skip
            async with stream:
                async for chunk in stream:
                    assembly.take(chunk, deltas)
        except openai.APIStatusError as exc:
            raise self._status_failure(exc) from None
        except openai.APIError as exc:
            raise self._broken(exc) from None
        except (ValueError, OSError, refused_by_http()) as exc:
            raise self._broken(exc) from None
        reply = assembly.reply(request)
        deltas.end()
        return reply

    def _status_failure(self, exc: Any) -> NodeError:
        status = int(exc.status_code)
        message = self._scope.mask_text(f"the model server answered {status}: {exc.message}")
        code = f"model_{status}"
        if status in RETRIED or status >= 500:
            after = seconds_of(exc.response.headers.get("retry-after", ""), datetime.now(UTC))
            return RetryableError(message[:MAX_MESSAGE], code=code, retry_after_s=after)
        return TerminalError(message[:MAX_MESSAGE], code=code)

    def _broken(self, exc: Exception) -> NodeError:
        cause: BaseException | None = exc
        while cause is not None:
            if isinstance(cause, AddressRefused):
                return TerminalError(str(cause), code=cause.code)
            cause = cause.__cause__ or cause.__context__
        text = self._scope.mask_text(f"{type(exc).__name__}: {exc}")
        return RetryableError(
            f"no answer from the model server: {text}"[:MAX_MESSAGE], code="model_connection"
        )


def refused_by_http() -> type[Exception]:
    import httpx2

    return httpx2.HTTPError


def worth_waiting(deadline: datetime) -> Callable[[Exception], bool | float]:
    """For stamina: whether to ask again, or after how many seconds."""

    def decide(exc: Exception) -> bool | float:
        if not isinstance(exc, RetryableError):
            return False
        after = exc.retry_after_s
        if after is None:
            return True
        return after if after < (deadline - datetime.now(UTC)).total_seconds() else False

    return decide


def seconds_of(value: str, now: datetime) -> float | None:
    """Seconds from a Retry-After header (a number or a date), None if unreadable."""
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())


class Models:
    """Gives each node its model. `dialler` must permit the configured server."""

    def __init__(self, settings: AgentSettings, trusted: Dialler, dialler: Dialler) -> None:
        self._settings = settings
        self._trusted = trusted
        self._dialler = dialler
        self._client: AsyncOpenAI | None = None

    @asynccontextmanager
    async def of(self, config: AgentConfig) -> AsyncIterator[Model]:
        """Raises TerminalError (code `model_unset`) if nothing names a server or a model."""
        settings = self._settings
        name = config.model or settings.model
        if name is None or (config.base_url or settings.base_url) is None:
            raise TerminalError(UNSET, code="model_unset")
        # The import takes a second: other executions go on meanwhile.
        await asyncio.to_thread(importlib.import_module, "openai")
        if config.base_url is None and config.api_key is None:
            yield Model(self._shared(), name, scope_of(settings.api_key))
            return
        base_url = config.base_url or settings.base_url
        # The runner's own key goes to the runner's own server alone.
        dialler = self._trusted if config.base_url is None else self._dialler
        async with make_client(base_url, config.api_key, dialler) as client:
            yield Model(client, name, scope_of(config.api_key))

    def _shared(self) -> AsyncOpenAI:
        if self._client is None:
            settings = self._settings
            self._client = make_client(settings.base_url, settings.api_key, self._trusted)
        return self._client

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()


def make_client(base_url: str | None, api_key: str | None, dialler: Dialler) -> AsyncOpenAI:
    from openai import AsyncOpenAI

    from .dialling import make_http_client

    client = AsyncOpenAI(
        base_url=base_url,
        api_key=api_key or "none",
        max_retries=0,
        http_client=make_http_client(dialler),
    )
    # It takes these from variables of its own; only what Minuet's settings say is sent.
    client.organization = client.project = None
    return client


def scope_of(api_key: str | None) -> SecretScope:
    scope = SecretScope(lambda _: api_key or "")
    if api_key:
        scope("api_key")
    return scope

"""The decorator: schemas from signatures, what it refuses, what functions get and may return."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypedDict

import msgspec
import pytest

from minuet.model.token import CasRef, Outcome
from minuet.worker import (
    Context,
    NodeDefinitionError,
    Registry,
    Result,
    RetryableError,
    TerminalError,
    node,
)
from minuet.worker.registry import spec_of

from .support import TENANT, bench, found, output

pytestmark = pytest.mark.anyio


class Lead(msgspec.Struct):
    company: str
    employees: int = 1


@dataclasses.dataclass
class LeadData:
    company: str
    employees: int = 1


class LeadDict(TypedDict):
    company: str


def schema(function: Any) -> dict[str, Any]:
    return found(function).type.config_schema


def test_parameters_become_the_schema() -> None:
    @node("s", effect="pure", timeout="1m30s", ports=["hot"], title="Score")
    async def score(company: str, employees: int, ctx: Context, tags: list[str] = []) -> dict:  # type: ignore[type-arg]  # noqa: B006
        """Scores a lead."""
        return {}

    kind = found(score).type
    assert kind.config_schema["required"] == ["company", "employees"]
    assert kind.config_schema["properties"]["tags"]["default"] == []
    assert kind.config_schema["additionalProperties"] is False
    assert "ctx" not in kind.config_schema["properties"]
    assert (kind.timeout_ms, kind.ports, kind.title) == (90_000, ["hot"], "Score")
    assert kind.description == "Scores a lead."
    assert kind.output_schema == {"type": "object"}


@pytest.mark.parametrize("hint", [Lead, LeadData, LeadDict])
def test_a_single_object_parameter_is_the_whole_config(hint: Any) -> None:
    def whole(lead: Any) -> None: ...

    whole.__annotations__ = {"lead": hint}
    found_schema = schema(node("w")(whole))
    assert found_schema["type"] == "object"
    assert found_schema["required"] == ["company"]
    assert "$ref" not in found_schema


def test_a_keyword_only_parameter_is_a_field() -> None:
    @node("k")
    def keyword(*, lead: Lead) -> None: ...

    assert schema(keyword)["required"] == ["lead"]


def test_an_explicit_schema_replaces_the_hints() -> None:
    explicit = {"type": "object", "required": ["n"], "properties": {"n": {"minimum": 3}}}

    @node("e", config_schema=explicit)
    def given(config: dict[str, Any]) -> None: ...

    assert schema(given) == explicit


def positional_only(a: int, /) -> None: ...


def many(*a: int) -> None: ...


def unreadable(a: Missing) -> None: ...  # type: ignore[name-defined]  # noqa: F821


def no_schema(a: int | Lead | LeadData) -> None: ...


@pytest.mark.parametrize("function", [positional_only, many, unreadable, no_schema])
def test_functions_that_cannot_be_nodes(function: Any) -> None:
    with pytest.raises(NodeDefinitionError):
        node("x")(function)


@pytest.mark.parametrize(
    "options",
    [
        {"name": "Upper"}, {"name": "a b"}, {"effect": "maybe"}, {"timeout": "5"},
        {"timeout": "0s"}, {"ports": "one"}, {"ports": ["error"]}, {"ports": ["No"]},
        {"config_schema": {"type": "nonsense"}},
    ],
)  # fmt: skip
def test_options_that_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(NodeDefinitionError):
        node(**{"name": "x", **options})(lambda: None)


def test_two_functions_cannot_share_a_name() -> None:
    registry = Registry()
    registry.node("same")(lambda: 1)
    with pytest.raises(NodeDefinitionError, match="same"):
        registry.node("same")(lambda: 2)


def test_the_function_stays_callable() -> None:
    @node("plain")
    def plain(n: int) -> int:
        return n + 1

    assert plain(1) == 2
    assert spec_of(plain) is not None


async def failure(function: Any, config: Any = None, **fields: Any) -> tuple[str, bool, str]:
    outcome = await bench(function).run_one(config, **fields)
    assert outcome.port == "error", outcome
    assert outcome.failure is not None
    return outcome.failure.code, outcome.failure.retryable, outcome.failure.message


@node("typed")
async def typed(lead: Lead) -> Lead:
    return lead


async def test_rendered_configs_arrive_typed() -> None:
    outcome = await bench(typed).run_one(
        {"company": "${inputs.name} GmbH", "employees": "${nodes.a.output.size}"},
        context={
            "inputs.name": msgspec.Raw(b'"Acme"'),
            "nodes.a.output.size": msgspec.Raw(b"12"),
        },
    )
    assert output(outcome) == {"company": "Acme GmbH", "employees": 12}


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"company": 3}, "$.company"),
        ({"company": "${inputs.n}"}, "$.company"),
        ({}, "company"),
    ],
)
async def test_a_config_that_does_not_fit_names_the_field(config: Any, field: str) -> None:
    code, retryable, message = await failure(typed, config, context={"inputs.n": msgspec.Raw(b"3")})
    assert (code, retryable) == ("config", False)
    assert field in message


async def test_unknown_fields_are_refused() -> None:
    @node("nothing")
    async def nothing() -> None: ...

    assert (await failure(nothing, {"typo": 1}))[0] == "config"


async def test_explicit_schemas_are_checked_after_rendering() -> None:
    @node("n", config_schema={"properties": {"n": {"minimum": 3}}})
    async def n(config: dict[str, Any]) -> Any:
        return config["n"]

    assert output(await bench(n).run_one({"n": 3})) == 3
    code, _, message = await failure(n, {"n": "${1 + 1}"})
    assert code == "config"
    assert "/n" in message


async def test_expression_errors_are_final() -> None:
    assert (await failure(typed, {"company": "${inputs.absent}"}))[:2] == ("expression", False)


async def test_absent_paths_are_absent_and_not_null() -> None:
    @node("has")
    async def has(there: bool) -> bool:
        return there

    assert output(await bench(has).run_one({"there": "${has(inputs.x)}"})) is False


async def test_two_tokens_never_share_a_constant() -> None:
    @node("grow")
    async def grow(items: list[int], more: list[int] = [0]) -> list[int]:  # noqa: B006
        items.append(1)
        more.append(1)
        return items + more

    b = bench(grow)
    for _ in range(2):
        assert output(await b.run_one({"items": []})) == [1, 0, 1]


class Colour(Enum):
    RED = "red"


async def test_outputs_are_encoded() -> None:
    @node("rich")
    def rich() -> Any:
        return {
            "lead": Lead("a"),
            "at": datetime(2026, 1, 2, tzinfo=UTC),
            "c": Colour.RED,
            "s": {1},
        }

    lead = {"company": "a", "employees": 1}
    expected = {"lead": lead, "at": "2026-01-02T00:00:00Z", "c": "red", "s": [1]}
    assert output(await bench(rich).run_one()) == expected


async def test_outputs_without_a_json_form_are_final_errors() -> None:
    @node("bad")
    def bad() -> Any:
        return {"x": object()}

    code, retryable, message = await failure(bad)
    assert (code, retryable) == ("output", False)
    assert "object" in message

    @node("cyclic")
    def cyclic() -> Any:
        value: list[Any] = []
        value.append(value)
        return value

    assert (await failure(cyclic))[:2] == ("output", False)


async def test_an_output_above_the_limit_is_a_final_error() -> None:
    @node("huge")
    def huge() -> str:
        return "x" * (10 * 1024 * 1024)

    code, retryable, message = await failure(huge)
    assert (code, retryable) == ("too_large", False)
    assert "10,485,760" in message


@pytest.mark.parametrize("plain", [True, False])
async def test_large_outputs_travel_by_reference_with_the_values_that_are_read(
    *, plain: bool
) -> None:
    big = {"body": "x" * 70_000, "score": 5, "deep": {"k": [1]}}

    async def in_loop() -> Any:
        return big

    b = bench(node("big")((lambda: big) if plain else in_loop))
    outcome = await b.run_one(returns=["output.score", "output.deep", "output.body", "output.no"])
    assert output(outcome) is None
    assert outcome.output_ref is not None
    stored = b.blobs.data[TENANT, outcome.output_ref.digest]
    assert msgspec.json.decode(stored) == big
    assert outcome.values == {"output.score": 5, "output.deep": {"k": [1]}}


@pytest.mark.parametrize("plain", [True, False])
async def test_large_inputs_are_fetched(*, plain: bool) -> None:
    async def in_loop(text: str) -> int:
        return len(text)

    def in_thread(text: str) -> int:
        return len(text)

    b = bench(node("measure")(in_thread if plain else in_loop))
    ref = await b.blobs.put(TENANT, msgspec.json.encode({"body": "y" * 99}))
    part = CasRef(digest=ref.digest, size_bytes=ref.size_bytes, path="body")
    outcome = await b.run_one(
        {"text": "${nodes.a.output.body}"}, refs={"nodes.a.output.body": part}
    )
    assert output(outcome) == 99


async def test_a_missing_blob_is_retryable() -> None:
    gone = CasRef(digest="sha256:00", size_bytes=1)
    code, retryable, _ = await failure(typed, {"company": "${inputs.x}"}, refs={"inputs.x": gone})
    assert (code, retryable) == ("not_found", True)


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RetryableError("busy", retry_after_s=2.5), ("retryable", True, "busy")),
        (RetryableError("quota", code="quota"), ("quota", True, "quota")),
        (TerminalError("no such lead"), ("terminal", False, "no such lead")),
        (ValueError("bad " + "x" * 5000), ("exception", True, "ValueError: bad ")),
        (asyncio.CancelledError("own"), ("exception", True, "CancelledError: own")),
        (SystemExit(3), ("exception", True, "SystemExit: 3")),
    ],
)
async def test_exceptions_become_failures(
    error: BaseException, expected: tuple[str, bool, str], *, plain: bool
) -> None:
    async def in_loop() -> None:
        raise error

    def in_thread() -> None:
        raise error

    outcome = await bench(node("r")(in_thread if plain else in_loop)).run_one()
    found_failure = outcome.failure
    assert found_failure is not None
    assert (found_failure.code, found_failure.retryable) == expected[:2]
    assert found_failure.message.startswith(expected[2])
    assert len(found_failure.message) <= 2000
    if isinstance(error, RetryableError) and error.retry_after_s:
        assert found_failure.retry_after_ms == 2500


async def test_a_port_that_the_type_does_not_name_is_a_final_error() -> None:
    @node("p", ports=["a"])
    async def p() -> Result:
        return Result(port="b")

    code, retryable, message = await failure(p)
    assert (code, retryable) == ("port", False)
    assert "'b'" in message


async def test_a_function_may_leave_its_node_waiting() -> None:
    @node("job")
    async def job() -> Result:
        return Result(waiting=True)

    assert (await bench(job).run_one()).waiting


async def test_an_unreadable_token_is_a_final_error() -> None:
    b = bench(typed)
    await b.emit([("0-r/n/1/1", b'{"v": 9}')])
    from .support import running

    async with running(b.worker()):
        outcome: Outcome = (await b.collect(1))["0-r/n/1/1"]
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.failure.retryable) == ("token", False)


async def test_the_context_tells_about_the_execution() -> None:
    @node("facts")
    async def facts(ctx: Context) -> Any:
        return [ctx.node_id, ctx.attempt, ctx.idempotency_key, ctx.cancelled, ctx.tenant]

    outcome = await bench(facts).run_one()
    assert output(outcome)[:2] == ["n", 1]
    assert len(output(outcome)[2]) == 32
    assert output(outcome)[3:] == [False, TENANT]


async def test_the_deadline_is_the_earlier_of_timeout_and_run() -> None:
    @node("deadline")
    async def deadline(ctx: Context) -> float:
        return ctx.deadline.timestamp()

    outcome = await bench(deadline).run_one(timeout_ms=60_000)
    assert outcome.started_at is not None
    assert output(outcome) == pytest.approx(outcome.started_at / 1000 + 60, abs=0.01)
    assert output(await bench(deadline).run_one(deadline_at=5000)) == 5.0

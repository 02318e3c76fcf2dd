"""The hitl node asks and lets go."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from minuet.model.token import ApprovalRequest, Outcome
from minuet.worker.hitl import hitl_spec
from tests.unit.worker.support import Bench

pytestmark = pytest.mark.anyio

FORM = {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number"}}}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def bench(**env: str) -> Bench:
    made = Bench([], env)
    made.specs = [hitl_spec()]
    return made


def asked(outcome: Outcome) -> ApprovalRequest:
    assert outcome.waiting
    assert outcome.approval is not None
    return outcome.approval


def context(**values: Any) -> dict[str, msgspec.Raw]:
    return {path: msgspec.Raw(msgspec.json.encode(value)) for path, value in values.items()}


async def test_the_question_is_rendered_and_the_token_waits() -> None:
    config = {
        "message": "Refund ${inputs.amount} EUR?",
        "payload": {"amount": "${inputs.amount}"},
        "form": FORM,
        "assignees": ["anna"],
        "groups": ["finance"],
        "timeout": "1h30m",
        "on_timeout": "fail",
    }
    outcome = await bench().run_one(config, context=context(**{"inputs.amount": 240}))
    question = asked(outcome)
    assert question.message == "Refund 240 EUR?"
    assert msgspec.json.decode(question.payload) == {"amount": 240}
    assert (question.form, question.assignees, question.groups) == (FORM, ["anna"], ["finance"])
    assert outcome.wait_ms == 5_400_000
    assert outcome.failure is None


async def test_without_a_timeout_it_waits_for_ever() -> None:
    outcome = await bench().run_one({"message": "Go on?"})
    assert asked(outcome) == ApprovalRequest("Go on?", msgspec.Raw(b"null"))
    assert outcome.wait_ms is None


async def test_people_do_not_see_secrets() -> None:
    config = {"message": "Use ${secrets.token}?", "payload": {"k": ["${secrets.token}"]}}
    question = asked(await bench(MINUET_SECRET_TOKEN="hunter2hunter2").run_one(config))
    assert b"hunter2" not in msgspec.json.encode(question)
    assert question.message == "Use ***?"


@pytest.mark.parametrize(
    ("config", "code", "said"),
    [
        ({"message": "${inputs.n}"}, "config", "/message"),
        ({"message": "a", "timeout": "${inputs.n}"}, "config", "/timeout"),
        ({"message": "a", "timeout": "999999d"}, "config", "timeout"),
        ({"message": "a", "form": {"type": "${inputs.n}"}}, "config", "no JSON Schema"),
        ({"message": "a", "form": {"$ref": "http://x.example/s"}}, "config", "no JSON Schema"),
        ({"message": "a", "payload": "x" * 70_000}, "too_large", "65,536"),
        ({"message": "a", "assignees": "${inputs.n}"}, "config", "/assignees"),
    ],
)
async def test_a_question_nobody_could_answer_fails_for_good(
    config: dict[str, Any], code: str, said: str
) -> None:
    outcome = await bench().run_one(config, context=context(**{"inputs.n": 7}))
    assert (outcome.port, outcome.waiting, outcome.approval) == ("error", False, None)
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.failure.retryable) == (code, False)
    assert said in outcome.failure.message

"""Kill each process at each named step of the protocol, before the server sees the request and
after the server has answered: nothing is lost, nothing counts twice."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

import pytest
import redis

from tests.support.waiting import until

from .crew import AGENT_OUTPUT, Crew, crew
from .judge import judge
from .load import LEDGER_NODES, OUTPUTS
from .proof import Proof
from .proxy import Proxy, When
from .recovery import recovery

pytestmark = [pytest.mark.prove, pytest.mark.slow, pytest.mark.timeout(300)]

MIXED, PAGES, SLOW, AGENT = "prove-mixed", "prove-pages", "prove-slow", "prove-agent"
RUNS_BEFORE, RUNS_AFTER = 15, 10
Provoke = Callable[[Crew], None]


@dataclass(frozen=True)
class Step:
    """`provoke` brings about a step that a load alone does not."""

    victim: str
    step: str
    server: Literal["redis", "postgres", "model"] = "redis"
    workflow: str = MIXED
    provoke: Provoke | None = None
    nth: int = 1

    def proxy(self, made: Crew) -> Proxy:
        if self.server == "model":
            return made.model
        proxies = made.fleet.proxies[self.victim]
        return proxies.redis if self.server == "redis" else proxies.postgres


def restart(victim: str, signal_number: signal.Signals) -> Provoke:
    return lambda made: void(made.fleet.kill(victim, signal_number))


def void(_: object) -> None:
    """Of what is called for its effect."""


def orphan_pages(made: Crew) -> None:
    """Kill the other worker with pages in hand."""
    made.fleet.kill("worker-2")


def empty_redis(made: Crew) -> None:
    with redis.Redis.from_url(made.fleet.redis_url) as client:
        client.flushall()


BY_VICTIM = {
    "coordinator": [
        Step("coordinator", "read signals"),
        Step("coordinator", "load"),
        Step("coordinator", "commit"),
        Step("coordinator", "renew"),
        Step("coordinator", "fire_timers"),
        Step("coordinator", "acquire", provoke=restart("coordinator", signal.SIGKILL)),
        Step("coordinator", "release", provoke=restart("coordinator", signal.SIGTERM)),
    ],
    "worker": [
        Step("worker", "take"),
        Step("worker", "complete"),
        Step("worker", "split", workflow=PAGES),
        Step("worker", "heartbeat", workflow=SLOW),
        Step("worker", "claim", workflow=SLOW, provoke=orphan_pages, nth=60),
    ],
    "recorder": [
        Step("recorder", "read events"),
        Step("recorder", "BEGIN", "postgres"),
        Step("recorder", "COPY", "postgres"),
        Step("recorder", "COMMIT", "postgres"),
        Step("recorder", "PUBLISH"),
        Step("recorder", "send archived"),
        Step("recorder", "delete events"),
    ],
    "orchestrator": [
        Step("orchestrator", "INSERT runs", "postgres"),
        Step("orchestrator", "send start"),
        Step("orchestrator", "UPDATE runs", "postgres"),
        Step("orchestrator", "INSERT commands", "postgres"),
        Step("orchestrator", "send command"),
        Step("orchestrator", "send restore", provoke=empty_redis),
    ],
    "http_worker": [
        Step("http_worker", "take"),
        Step("http_worker", "complete"),
        Step("http_worker", "heartbeat", workflow=SLOW),
    ],
    "hitl_worker": [Step("hitl_worker", "take"), Step("hitl_worker", "complete")],
    "agent_runner": [
        Step("agent_runner", "take", workflow=AGENT),
        Step("agent_runner", "POST", "model", workflow=AGENT),
        Step("agent_runner", "journal", workflow=AGENT),
        Step("agent_runner", "complete", workflow=AGENT),
    ],
}


def is_in(named: set[tuple[str, str]], step: Step) -> bool:
    return (step.victim, step.step) in named


# One victim after the other: none dies again before it has run well.
IN_TURN = [step for of in itertools.zip_longest(*BY_VICTIM.values()) for step in of if step]
SUBSET = {("coordinator", "commit"), ("worker", "complete"), ("recorder", "COMMIT")}
# Sent to the process, which dies with it: pages are in hand, answers were given.
IN_HAND = {
    ("coordinator", "commit"), ("worker", "take"), ("recorder", "COMMIT"),
    ("orchestrator", "INSERT runs"), ("agent_runner", "POST"),
}  # fmt: skip
WORDS: dict[When, str] = {"before": "before", "after": "after", "reply": "with the answer to"}
PAIRS: list[tuple[Step, When]] = [
    *((step, "before") for step in IN_TURN),
    *((step, "after") for step in IN_TURN),
    *((step, "reply") for step in IN_TURN if is_in(IN_HAND, step)),
]
CASES = [
    pytest.param(
        step, when, id=f"{step.victim} {WORDS[when]} {step.step}",
        marks=[pytest.mark.serial] if when != "reply" and is_in(SUBSET, step) else [],
    )
    for step, when in PAIRS
]  # fmt: skip


class Crews:
    """One crew for all cases, until one of them finds a violation."""

    def __init__(self, factory: pytest.TempPathFactory, stack: ExitStack) -> None:
        self._factory = factory
        self._stack = stack
        self._crew: Crew | None = None

    def get(self) -> Crew:
        if self._crew is None:
            self._stack.close()
            self._crew = self._stack.enter_context(crew(self._factory.mktemp("crew") / "fleet"))
        return self._crew

    def spoilt(self) -> None:
        """What a violation leaves behind must not be held against the next case."""
        self._crew = None


@pytest.fixture(scope="module")
def crews(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crews]:
    with ExitStack() as stack:
        yield Crews(tmp_path_factory, stack)


@pytest.mark.parametrize(("step", "when"), CASES)
def test_killed_at_a_step(crews: Crews, proof: Proof, step: Step, when: When) -> None:
    made = crews.get()
    name = f"{step.victim} killed {WORDS[when]} {step.step}"
    try:
        with proof.scenario(name, workflow=step.workflow) as scenario:
            fleet, work = made.fleet, made.work
            with work.going_on(step.workflow) as runs:
                until(lambda: len(runs) >= RUNS_BEFORE, "runs are under way", 60)
                rule = step.proxy(made).arm(step.step, when, step.nth)
                if step.provoke is not None:
                    step.provoke(made)
                rule.wait(30)
                enough = len(runs) + RUNS_AFTER
                until(lambda: len(runs) >= enough, "runs are accepted again", 60)
            scenario.kills = 1
            work.until_ended(runs)
            scenario.recovery_s = recovery(fleet, rule.killed_at, runs)
            scenario.take(judge(fleet, runs, ledger_nodes=LEDGER_NODES, expected="succeeded"))
            output = OUTPUTS.get(step.workflow, AGENT_OUTPUT)
            scenario.violations += work.wrong_outputs(runs, output)
            for victim in (step.victim, "worker-2"):
                fleet.until_ready(victim)
    except BaseException:
        crews.spoilt()
        raise
    finally:
        step.proxy(made).disarm()

"""The servers that the demonstration needs, as child processes."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final

import httpx
import stamina

from minuet.embedded.child import launch_command
from minuet.model.errors import Unavailable

from .services import ANNOUNCEMENT as SERVICES_ANNOUNCEMENT

SCRIPT: Final = Path(__file__).with_name("model.yaml")
MODEL_ANNOUNCEMENT: Final = "MINUET_LLM_BASE_URL="
START_S: Final = 20.0
GRACE_S: Final = 5.0


class HelperFailed(Unavailable):
    """A server of the demonstration did not start; the message tells what it said."""

    code = "demo_server"


@dataclass(frozen=True, slots=True)
class Helpers:
    """Where the two servers listen. `model_url` is the base of an OpenAI-compatible API."""

    services_url: str
    model_url: str


@contextmanager
def helpers(ledger: Path | None = None) -> Iterator[Helpers]:
    """Both servers, until the block is left; they die with this process in any case.

    Call it from the main thread. The stand-in appends each request to `ledger`. Raises
    HelperFailed.
    """
    with ExitStack() as stack:
        services = stack.enter_context(child(["-m", "minuet.demo.services"], SERVICES_ANNOUNCEMENT))
        script = Path(stack.enter_context(TemporaryDirectory())) / SCRIPT.name
        script.write_text(SCRIPT.read_text("utf-8").replace("{services_url}", services), "utf-8")
        model = stack.enter_context(child(model_command(script, ledger), MODEL_ANNOUNCEMENT))
        until_it_answers(f"{model.removesuffix('/v1')}/healthz")
        yield Helpers(services, model)


def model_command(script: Path, ledger: Path | None) -> list[str]:
    kept = [] if ledger is None else ["--ledger", str(ledger)]
    return ["-m", "minuet.services.dev_llm", str(script), "--port", "0", *kept]


@contextmanager
def child(arguments: Sequence[str], announcement: str) -> Iterator[str]:
    """A Python process; gives what follows `announcement` in a line of its output."""
    process = subprocess.Popen(
        launch_command([sys.executable, *arguments], signal.SIGTERM),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,  # a Ctrl-C reaches this process alone, which stops its children
    )  # fmt: skip
    try:
        yield announced(process, announcement)
    finally:
        stop(process)


def announced(process: subprocess.Popen[str], announcement: str) -> str:
    """Raises HelperFailed with the last lines if it ends, or says nothing for START_S."""
    assert process.stdout is not None
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=drain, args=(process.stdout, lines), daemon=True).start()
    said: list[str] = []
    deadline = time.monotonic() + START_S
    while True:
        try:
            line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            line = None
        if line is None:
            what = "; ".join(said[-3:]) or "it said nothing"
            raise HelperFailed(f"a server of the demo did not start: {what}")
        if line.startswith(announcement):
            return line.removeprefix(announcement).strip()
        said.append(line.strip())


def drain(output: IO[str], lines: queue.SimpleQueue[str | None]) -> None:
    """Read to the end, so that the child never waits for a reader."""
    for line in output:
        lines.put(line)
    lines.put(None)


def stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def until_it_answers(url: str) -> None:
    """Its address is printed a moment before it listens. Raises HelperFailed."""
    try:
        for attempt in stamina.retry_context(
            on=httpx.HTTPError, attempts=None, timeout=START_S, wait_initial=0.05, wait_max=0.2
        ):
            with attempt:
                httpx.get(url, timeout=2.0, trust_env=False).raise_for_status()
    except httpx.HTTPError as exc:
        raise HelperFailed(f"nothing answers at {url}: {exc}") from exc

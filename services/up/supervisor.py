"""Run a suite until somebody asks it to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping, Sequence

from minuet.embedded.errors import ServerUnfit
from minuet.environment import SettingsError
from minuet.model.errors import MinuetError

from .console import Reporter
from .data_dir import DataDir
from .plan import SuitePlan
from .settings import UpSettings
from .suite import LocalSuite

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_suite(env: Mapping[str, str], arguments: Sequence[str], plan: SuitePlan) -> int:
    """Run until a signal asks for a stop. Exit codes: 0 stopped, 1 cannot run, 2 bad settings."""
    reporter = Reporter()
    try:
        settings = UpSettings.read(env, arguments)
    except SettingsError as exc:
        for fault in exc.faults:
            reporter.fault(fault)
        return 2
    return asyncio.run(supervise(settings, plan, reporter))


async def supervise(settings: UpSettings, plan: SuitePlan, reporter: Reporter) -> int:
    """Returns the exit code: 0 after a stop that was asked for, 1 if the suite could not run.

    Must run in the main thread: children die with the thread that started them.
    """
    stop_asked = _stop_on_signals()
    try:
        data_dir = DataDir.open(settings.data_dir)
    except MinuetError as exc:
        return _report(exc, reporter)
    try:
        reporter.opening(data_dir.path)
        return await _run(LocalSuite(settings, plan, data_dir, reporter), stop_asked, reporter)
    except (MinuetError, OSError) as exc:
        return _report(exc, reporter)
    finally:
        data_dir.close()


def _stop_on_signals() -> asyncio.Event:
    """The second signal finds the event set already, so it is harmless."""
    stop_asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop_asked.set)
    return stop_asked


async def _run(suite: LocalSuite, stop_asked: asyncio.Event, reporter: Reporter) -> int:
    """Start, watch, stop. A stop that is asked for during the start ends the start."""
    stop = asyncio.create_task(stop_asked.wait())
    running = asyncio.create_task(suite.run())
    try:
        await asyncio.wait([stop, running], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
        reporter.stopping()
    finally:
        stop.cancel()
        running.cancel()
        await asyncio.wait([running])
        await suite.stop()
    reporter.stopped()
    return 0


def _report(exc: MinuetError | OSError, reporter: Reporter) -> int:
    for line in exc.faults if isinstance(exc, ServerUnfit) else [str(exc)]:
        reporter.fault(line)
    return 1

"""`minuet worker`: serve the node types of modules beside a suite."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from minuet.client.location import find_data_dir
from minuet.embedded.suite_file import read_suite_file
from minuet.model.errors import MinuetError
from minuet.settings import Settings, SettingsError
from minuet.telemetry.logging import configure_logging

from .loader import load, watched_folders


def serve(
    modules: Sequence[str],
    *,
    slots: int | None = None,
    reload: bool = False,
    data_dir: Path | None = None,
    env: Mapping[str, str] = os.environ,
) -> None:
    """Serve until SIGTERM or SIGINT. Call from the main thread, with no loop running.

    `modules` as in `minuet.worker.loader.load`. Redis is `MINUET_REDIS_URL`, or that of the suite
    that runs on `data_dir` (default: `MINUET_DATA_DIR`, then `.minuet` here or in a folder above).
    With `reload` a child serves and is started anew when a source changes.
    Redis is waited for. Raises LoadError or SettingsError; each message is one line for a person.
    """
    settings_env = with_suite(env, data_dir)
    if slots is not None:
        settings_env["MINUET_WORKER_SLOTS"] = str(slots)
    settings = Settings.from_env(settings_env)
    configure_logging("worker", settings.log.level)
    if reload:
        serve_reloading(modules, slots, data_dir, settings)
        return
    # Imported late, because `--help` and a wrong module name should not wait for it.
    import uvloop

    from .process import leave, run_worker

    nodes = load(modules)
    leave(uvloop.run(run_worker(nodes, settings, kind="python", env=env)))


def with_suite(env: Mapping[str, str], data_dir: Path | None) -> dict[str, str]:
    """The environment, completed by the local suite. Raises SettingsError if there is neither."""
    completed = dict(env)
    if completed.get("MINUET_REDIS_URL"):
        return completed
    folder = data_dir or find_data_dir(env, Path.cwd())
    suite = read_suite_file(folder) if folder else None
    if suite is None:
        raise SettingsError(
            [
                f"no suite runs {f'on {folder}' if folder else 'here or in a folder above'}: "
                "start one with `minuet up`, or set MINUET_REDIS_URL"
            ]
        )
    completed["MINUET_REDIS_URL"] = suite.redis_url
    return completed


def serve_reloading(
    modules: Sequence[str], slots: int | None, data_dir: Path | None, settings: Settings
) -> None:
    from .reload import run_reloading

    command = [sys.executable, "-m", "minuet.worker", *modules]
    if slots is not None:
        command += ["--slots", str(slots)]
    if data_dir is not None:
        command += ["--data-dir", str(data_dir)]
    run_reloading(command, watched_folders(modules), drain_s=settings.drain.timeout_s)


def run(arguments: Sequence[str]) -> int:
    """The command line of `python -m minuet.worker`. 1: cannot serve; 2: bad settings."""
    import argparse

    parser = argparse.ArgumentParser(prog="python -m minuet.worker", description=__doc__)
    parser.add_argument("modules", nargs="+", help="my_module, my_module:app or a file")
    parser.add_argument("--slots", type=int, help="how many pages run at once")
    parser.add_argument("--reload", action="store_true", help="start anew when a source changes")
    parser.add_argument("--data-dir", type=Path, help="the suite's data directory")
    given = parser.parse_args(arguments)
    try:
        serve(given.modules, slots=given.slots, reload=given.reload, data_dir=given.data_dir)
    except MinuetError as exc:
        sys.stderr.write(f"{exc}\n")
        return 2 if isinstance(exc, SettingsError) else 1
    return 0

"""The main of a service: settings, logging, event loop, and what it exits with."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import uvloop

from minuet.model.errors import MinuetError
from minuet.settings import Settings, SettingsError
from minuet.telemetry.logging import configure_logging

Prepare = Callable[[Settings, Mapping[str, str]], Coroutine[Any, Any, object]]
"""Reads what else the environment says, and gives the service to run. An async function will do if
nothing is left to read."""


def run_process(name: str, prepare: Prepare) -> int:
    """0 after a clean stop; 2 for bad settings, which `prepare` tells by SettingsError or
    ValueError; 1 for any other error of ours. One line on stderr says which."""
    try:
        settings = Settings.from_env(os.environ)
        configure_logging(name, settings.log.level)
        service = prepare(settings, os.environ)
    except (SettingsError, ValueError) as exc:
        return _told(name, exc, 2)
    try:
        uvloop.run(service)
    except MinuetError as exc:
        return _told(name, exc, 1)
    return 0


def _told(name: str, error: Exception, code: int) -> int:
    sys.stderr.write(f"{name}: {error}\n")
    return code

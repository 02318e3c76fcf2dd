"""`python -m minuet.services.hitl_worker`."""

from __future__ import annotations

import os
import sys

import uvloop

from minuet.model.errors import MinuetError
from minuet.settings import Settings, SettingsError
from minuet.telemetry.logging import configure_logging
from minuet.worker.hitl import hitl_spec
from minuet.worker.process import run_worker


def main() -> int:
    """0 after a clean stop, 2 for bad settings, 1 if Redis is not there; one line on stderr."""
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    configure_logging("hitl_worker", settings.log.level)
    try:
        uvloop.run(run_worker([hitl_spec()], settings, kind="hitl", env=os.environ))
    except MinuetError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

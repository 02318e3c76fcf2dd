"""`python -m minuet.services.up`: start a local suite and watch over it."""

from __future__ import annotations

import asyncio
import os
import sys

from minuet.environment import SettingsError

from .console import Reporter
from .plan import DEFAULT_PLAN
from .settings import UpSettings
from .supervisor import supervise


def main() -> int:
    reporter = Reporter()
    try:
        settings = UpSettings.read(os.environ, sys.argv[1:])
    except SettingsError as exc:
        for fault in exc.faults:
            reporter.fault(fault)
        return 2
    return asyncio.run(supervise(settings, DEFAULT_PLAN, reporter))


if __name__ == "__main__":
    sys.exit(main())

"""A supervisor with a small table of fake services.

fake_suite.py <behaviour of the second service> [exit code of the migration]
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from minuet.services.up.console import Reporter
from minuet.services.up.plan import ServiceSpec, SuitePlan
from minuet.services.up.settings import UpSettings
from minuet.services.up.supervisor import supervise

SERVICE = str(Path(__file__).with_name("fake_service.py"))


def plan(behaviour: str, migration_code: str) -> SuitePlan:
    return SuitePlan(
        migration=(
            sys.executable,
            "-c",
            f"import sys; print('42 tables'); sys.exit({migration_code})",
        ),
        services=(
            ServiceSpec(
                name="first", command=(sys.executable, SERVICE, "steady"), gets_api_key=True
            ),
            ServiceSpec(name="second", command=(sys.executable, SERVICE, behaviour)),
        ),
    )


def main(behaviour: str, migration_code: str = "0") -> int:
    settings = UpSettings.read(os.environ, [])
    return asyncio.run(supervise(settings, plan(behaviour, migration_code), Reporter()))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

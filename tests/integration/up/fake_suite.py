"""A supervisor with a small table of fake services.

fake_suite.py <behaviour of the second service> [exit code of the migration]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from minuet.services.up.plan import ServiceSpec, SuitePlan
from minuet.services.up.supervisor import run_suite

SERVICE = str(Path(__file__).with_name("fake_service.py"))


def plan(behaviour: str, migration_code: str) -> SuitePlan:
    return SuitePlan(
        migration=(
            sys.executable,
            "-c",
            f"import sys; print('42 tables'); sys.exit({migration_code})",
        ),
        services=(
            ServiceSpec(name="first", command=(sys.executable, SERVICE, "steady"), serves_api=True),
            ServiceSpec(name="second", command=(sys.executable, SERVICE, behaviour)),
        ),
    )


def main(behaviour: str, migration_code: str = "0") -> int:
    return run_suite(os.environ, [], plan(behaviour, migration_code))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

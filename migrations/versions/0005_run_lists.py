"""Indexes for lists of runs by workflow, of runs that went wrong, and of live ones.

Why: without them a list that few runs are on reads every run of its tenant.
May run while workers are live: yes, it only adds (expand); writes to runs wait while it builds.
"""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)

"""Concurrency keys and priorities of runs.

Why: a limit on runs at once is kept where runs are accepted, and outlives every process.
May run while workers are live: yes, it only adds (expand); orchestrators of before send runs
without asking for a grant, so limits hold once all of them are new.
"""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)

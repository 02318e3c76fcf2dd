"""Runs may be child runs of others: of which, and how they were started.

Why: map and workflow nodes run other workflows; lists show what people started.
May run while workers are live: yes, it only widens (expand).
"""

from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)

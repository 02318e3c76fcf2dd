"""Approvals: what people are asked, as the API lists it.

Why: a question is found by tenant and state, which no fold of single histories gives.
May run while workers are live: yes, it only adds (expand).
"""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)

"""Tables of the foundation: definitions, runs, their history, and what people look up.

Why: Postgres holds acceptance and history; Redis may be lost whole without losing a run.
May run while workers are live: yes, it only adds (expand).
"""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)

"""How dead letters were settled: retried or discarded, by whom and when.

Why: what was dealt with leaves the list of what is open, and stays to be looked up.
May run while workers are live: yes, an orchestrator of before cannot list dead letters until it is
replaced.
"""

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)

"""How far running nodes say they are.

Why: what a node tells by `ctx.progress` is shown to whoever follows the run.
May run while workers are live: yes, it only adds (expand).
"""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)

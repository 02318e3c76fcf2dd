"""Patches: what was asked to change in runs and what became of it; the document a run is on now.

Why: a refused patch leaves no trace in the document, and people must see it with its reason.
May run while workers are live: yes, it only adds (expand).
"""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)

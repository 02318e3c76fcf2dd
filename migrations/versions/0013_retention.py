"""Deletion of runs and of what nothing names any more.

Why: a suite that keeps everything for ever fills its disk; people must be able to delete.
May run while workers are live: yes, it only adds (expand); recorders must be replaced before blobs
are collected, because those of before do not note which blobs a history names.
"""

from pathlib import Path

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)

"""Patches that were refused before they became a command are kept, too.

Why: people must see what was asked and why it was refused, whoever refused it.
May run while workers are live: yes, it only widens (expand); patches wait while their table is
rewritten.
"""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)

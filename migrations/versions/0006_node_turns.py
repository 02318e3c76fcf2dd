"""What models said, turn by turn.

Why: whoever opens the page of a run late, or again, sees the turns that were told meanwhile.
May run while workers are live: yes, it only adds (expand).
"""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            op.get_bind().exec_driver_sql(statement)

"""${message}

Why: ...
May run while workers are live: yes or no, and the reason (expand, migrate, contract).
"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    op.execute("""${"..."}""")

"""Jobs that take a model to newer rows

Revises: 0009
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("job", sa.Column("update_of", sa.String(48), nullable=True))


def downgrade() -> None:
    op.drop_column("job", "update_of")

"""An index in the order in which a tenant's jobs are claimed

Revises: 0008
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NAME = "ix_job_queue"


def upgrade() -> None:
    op.create_index(_NAME, "job", ["tenant_id", "state", sa.text("priority DESC"), "id"])


def downgrade() -> None:
    op.drop_index(_NAME, "job")

"""Idempotency keys, events of jobs, and more of their progress

Revises: 0002
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "idempotency_key",
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("location", sa.String(length=200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("account", "key", name=op.f("pk_idempotency_key")),
    )
    with op.batch_alter_table("idempotency_key") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_idempotency_key_expires_at"), ["expires_at"], unique=False
        )
    op.create_table(
        "job_event",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(length=48), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("data", sa.JSON(none_as_null=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('state', 'phase', 'progress', 'trial')", name=op.f("ck_job_event_kind")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_job_event_job_id_job")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_event")),
    )
    with op.batch_alter_table("job_event") as batch_op:
        batch_op.create_index(batch_op.f("ix_job_event_job_id_id"), ["job_id", "id"], unique=False)
    with op.batch_alter_table("job") as batch_op:
        batch_op.add_column(sa.Column("trials", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("best", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("eta_seconds", sa.Double(), nullable=True))
        batch_op.create_index(
            batch_op.f("ix_job_dataset_id_id"), ["dataset_id", "id"], unique=False
        )
    job = sa.table("job", sa.column("trials", sa.Integer()))
    op.execute(job.update().values(trials=0))
    with op.batch_alter_table("job") as batch_op:
        batch_op.alter_column("trials", existing_type=sa.Integer(), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("job") as batch_op:
        batch_op.drop_index(batch_op.f("ix_job_dataset_id_id"))
        for column in ("eta_seconds", "best", "trials"):
            batch_op.drop_column(column)
    with op.batch_alter_table("job_event") as batch_op:
        batch_op.drop_index(batch_op.f("ix_job_event_job_id_id"))
    op.drop_table("job_event")
    with op.batch_alter_table("idempotency_key") as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_key_expires_at"))
    op.drop_table("idempotency_key")

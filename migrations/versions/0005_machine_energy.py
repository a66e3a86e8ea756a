"""Energy of machines and its shares; idle energy and more provenance in the ledger

Revises: 0004
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def _added() -> list[sa.Column[Any]]:
    """Rows from before were obtained otherwise, and say so."""
    return [
        sa.Column("idle_mj", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("idle_method", sa.String(32), nullable=False, server_default="unavailable"),
        sa.Column("attribution", sa.String(32), nullable=False, server_default="none"),
        sa.Column("sampling_s", sa.Double(), nullable=False, server_default="0"),
        sa.Column("carbon_source", sa.String(80), nullable=False, server_default=""),
    ]


def upgrade() -> None:
    with op.batch_alter_table("energy_ledger", schema=None) as batch_op:
        for column in _added():
            batch_op.add_column(column)
    with op.batch_alter_table("energy_ledger", schema=None) as batch_op:
        for column in _added():
            batch_op.alter_column(
                column.name, existing_type=column.type, existing_nullable=False, server_default=None
            )
    op.create_table(
        "host_energy",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("cpu_mj", sa.BigInteger(), nullable=False),
        sa.Column("gpu_mj", sa.BigInteger(), nullable=False),
        sa.Column("ram_mj", sa.BigInteger(), nullable=False),
        sa.Column("idle_mj", sa.BigInteger(), nullable=False),
        sa.Column("cpu_method", sa.String(length=32), nullable=False),
        sa.Column("gpu_method", sa.String(length=32), nullable=False),
        sa.Column("ram_method", sa.String(length=32), nullable=False),
        sa.Column("idle_method", sa.String(length=32), nullable=False),
        sa.Column("measured", sa.Boolean(), nullable=False),
        sa.Column("pue", sa.Double(), nullable=False),
        sa.Column("tool", sa.String(length=80), nullable=False),
        sa.Column("sampling_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_host_energy")),
    )
    with op.batch_alter_table("host_energy", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_host_energy_host_started_at"), ["host", "started_at"], unique=False
        )

    op.create_table(
        "host_energy_share",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("host_energy_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("job_id", sa.String(length=48), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("cpu_mj", sa.BigInteger(), nullable=False),
        sa.Column("gpu_mj", sa.BigInteger(), nullable=False),
        sa.Column("ram_mj", sa.BigInteger(), nullable=False),
        sa.Column("idle_mj", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('attempt', 'forecasts', 'service', 'rest')",
            name=op.f("ck_host_energy_share_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["host_energy_id"],
            ["host_energy.id"],
            name=op.f("fk_host_energy_share_host_energy_id_host_energy"),
        ),
        sa.ForeignKeyConstraint(
            ["job_id", "attempt"],
            ["attempt.job_id", "attempt.number"],
            name=op.f("fk_host_energy_share_job_id_attempt_attempt"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_host_energy_share")),
    )
    with op.batch_alter_table("host_energy_share", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_host_energy_share_host_energy_id"), ["host_energy_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_host_energy_share_job_id_attempt"), ["job_id", "attempt"], unique=False
        )


def downgrade() -> None:
    op.drop_table("host_energy_share")
    op.drop_table("host_energy")
    with op.batch_alter_table("energy_ledger", schema=None) as batch_op:
        for column in reversed(_added()):
            batch_op.drop_column(column.name)

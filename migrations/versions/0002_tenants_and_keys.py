"""Tenants and keys; what there is belongs to the tenant `default`

Revises: 0001
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Tables whose rows belong to a tenant, and the second column of their index.
OWNED = {
    "dataset": "id",
    "job": "id",
    "model": "id",
    "forecast": "id",
    "energy_ledger": "day",
}


def upgrade() -> None:
    tenant = op.create_table(
        "tenant",
        sa.Column("id", sa.String(length=48), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenant")),
        sa.UniqueConstraint("name", name=op.f("uq_tenant_name")),
    )
    created_at = datetime.now(UTC).replace(tzinfo=None)
    op.bulk_insert(tenant, [{"id": "default", "name": "default", "created_at": created_at}])
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(length=48), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.Column("last_used_at", sa.DateTime(), nullable=True),
        sa.Column("tenant_id", sa.String(length=48), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_api_key_tenant_id_tenant")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
    )
    for table, second in OWNED.items():
        with op.batch_alter_table(table) as batch_op:
            batch_op.add_column(sa.Column("tenant_id", sa.String(length=48), nullable=True))
        owned = sa.table(table, sa.column("tenant_id", sa.String()))
        op.execute(owned.update().values(tenant_id="default"))
        with op.batch_alter_table(table) as batch_op:
            batch_op.alter_column("tenant_id", existing_type=sa.String(length=48), nullable=False)
            batch_op.create_foreign_key(
                batch_op.f(f"fk_{table}_tenant_id_tenant"), "tenant", ["tenant_id"], ["id"]
            )
            batch_op.create_index(
                batch_op.f(f"ix_{table}_tenant_id_{second}"), ["tenant_id", second], unique=False
            )


def downgrade() -> None:
    for table, second in reversed(OWNED.items()):
        with op.batch_alter_table(table) as batch_op:
            batch_op.drop_index(batch_op.f(f"ix_{table}_tenant_id_{second}"))
            batch_op.drop_constraint(batch_op.f(f"fk_{table}_tenant_id_tenant"), type_="foreignkey")
            batch_op.drop_column("tenant_id")
    op.drop_table("api_key")
    op.drop_table("tenant")

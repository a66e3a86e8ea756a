"""Versions of datasets and models, aliases of models, and deletion

Revises: 0005
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

NUMBER_OF_MODEL = """
UPDATE model SET
    name = (SELECT job.dataset_id FROM job WHERE job.id = model.job_id),
    version = (
        SELECT COUNT(*) FROM model AS other JOIN job AS its ON its.id = other.job_id
        WHERE other.id <= model.id
        AND its.dataset_id = (SELECT job.dataset_id FROM job WHERE job.id = model.job_id)
    )
"""
FIRST_VERSIONS = """
INSERT INTO dataset_version
    (dataset_id, version, created_at, media_type, size_bytes, sha256, rows, added, replaced,
     inspection)
SELECT id, 1, created_at, media_type, size_bytes, sha256, rows, rows, 0, inspection FROM dataset
"""


def upgrade() -> None:
    with op.batch_alter_table("dataset") as batch_op:
        batch_op.add_column(sa.Column("deleted_at", sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column("name", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("version", sa.Integer(), nullable=True))
    op.execute("UPDATE dataset SET version = 1")
    with op.batch_alter_table("dataset") as batch_op:
        batch_op.alter_column("version", existing_type=sa.Integer(), nullable=False)
    op.create_table(
        "dataset_version",
        sa.Column("dataset_id", sa.String(length=48), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("media_type", sa.String(length=80), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.Column("replaced", sa.BigInteger(), nullable=False),
        sa.Column("inspection", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name=op.f("fk_dataset_version_dataset_id_dataset")
        ),
        sa.PrimaryKeyConstraint("dataset_id", "version", name=op.f("pk_dataset_version")),
    )
    op.execute(FIRST_VERSIONS)

    with op.batch_alter_table("job") as batch_op:
        batch_op.add_column(sa.Column("dataset_version", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("model_name", sa.String(length=64), nullable=True))
    op.execute("UPDATE job SET dataset_version = 1")
    with op.batch_alter_table("job") as batch_op:
        batch_op.alter_column("dataset_version", existing_type=sa.Integer(), nullable=False)

    with op.batch_alter_table("model") as batch_op:
        batch_op.add_column(sa.Column("name", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("version", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("deleted_at", sa.DateTime(), nullable=True))
    op.execute(NUMBER_OF_MODEL)
    with op.batch_alter_table("model") as batch_op:
        batch_op.alter_column("name", existing_type=sa.String(length=64), nullable=False)
        batch_op.alter_column("version", existing_type=sa.Integer(), nullable=False)
        batch_op.create_unique_constraint(
            batch_op.f("uq_model_tenant_id_name_version"), ["tenant_id", "name", "version"]
        )
    op.create_table(
        "model_alias",
        sa.Column("tenant_id", sa.String(length=48), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("alias", sa.String(length=32), nullable=False),
        sa.Column("model_id", sa.String(length=48), nullable=False),
        sa.Column("promoted_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["model.id"], name=op.f("fk_model_alias_model_id_model")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_model_alias_tenant_id_tenant")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "name", "alias", name=op.f("pk_model_alias")),
    )
    with op.batch_alter_table("model_alias") as batch_op:
        batch_op.create_index(batch_op.f("ix_model_alias_model_id"), ["model_id"], unique=False)

    with op.batch_alter_table("forecast") as batch_op:
        batch_op.add_column(sa.Column("deleted_at", sa.DateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("forecast") as batch_op:
        batch_op.drop_column("deleted_at")
    op.drop_table("model_alias")
    with op.batch_alter_table("model") as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_model_tenant_id_name_version"), type_="unique")
        batch_op.drop_column("deleted_at")
        batch_op.drop_column("version")
        batch_op.drop_column("name")
    with op.batch_alter_table("job") as batch_op:
        batch_op.drop_column("model_name")
        batch_op.drop_column("dataset_version")
    op.drop_table("dataset_version")
    with op.batch_alter_table("dataset") as batch_op:
        batch_op.drop_column("version")
        batch_op.drop_column("name")
        batch_op.drop_column("deleted_at")

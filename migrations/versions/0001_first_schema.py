"""First schema

Revises:
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "dataset",
        sa.Column("id", sa.String(length=48), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("media_type", sa.String(length=80), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("inspection", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dataset")),
    )
    op.create_table(
        "supervisor_lease",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.String(length=80), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("prediction_worker", sa.String(length=80), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_supervisor_lease_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervisor_lease")),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.String(length=48), nullable=False),
        sa.Column("dataset_id", sa.String(length=48), nullable=False),
        sa.Column("config", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("audit", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=True),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("error", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=True),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled')",
            name=op.f("ck_job_state"),
        ),
        sa.CheckConstraint("crashes BETWEEN 0 AND 2", name=op.f("ck_job_crashes")),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name=op.f("fk_job_dataset_id_dataset")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_job_state_id"), ["state", "id"], unique=False)

    op.create_table(
        "attempt",
        sa.Column("job_id", sa.String(length=48), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("handle", sa.String(length=80), nullable=True),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("error", sa.JSON(none_as_null=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('starting', 'running', 'succeeded', "
            "'failed', 'lost', 'interrupted', 'cancelled')",
            name=op.f("ck_attempt_state"),
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_attempt_job_id_job")),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("pk_attempt")),
    )
    op.create_table(
        "leaderboard_row",
        sa.Column("job_id", sa.String(length=48), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("row", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_leaderboard_row_job_id_job")),
        sa.PrimaryKeyConstraint("job_id", "rank", name=op.f("pk_leaderboard_row")),
    )
    op.create_table(
        "model",
        sa.Column("id", sa.String(length=48), nullable=False),
        sa.Column("job_id", sa.String(length=48), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("config", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("summary", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_model_job_id_job")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model")),
        sa.UniqueConstraint("job_id", name=op.f("uq_model_job_id")),
    )
    op.create_table(
        "forecast",
        sa.Column("id", sa.String(length=48), nullable=False),
        sa.Column("model_id", sa.String(length=48), nullable=False),
        sa.Column("history", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("future_covariates", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("paths", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("error", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=True),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'succeeded', 'failed')", name=op.f("ck_forecast_state")
        ),
        sa.CheckConstraint("crashes BETWEEN 0 AND 2", name=op.f("ck_forecast_crashes")),
        sa.ForeignKeyConstraint(
            ["model_id"], ["model.id"], name=op.f("fk_forecast_model_id_model")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forecast")),
    )
    with op.batch_alter_table("forecast", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_forecast_state_id"), ["state", "id"], unique=False)

    op.create_table(
        "trial",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(length=48), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("params", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("energy_wh", sa.Double(), nullable=False),
        sa.Column("forecaster", sa.String(length=100), nullable=True),
        sa.Column("quantile_model", sa.String(length=100), nullable=True),
        sa.Column("training_method", sa.String(length=100), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id", "attempt"],
            ["attempt.job_id", "attempt.number"],
            name=op.f("fk_trial_job_id_attempt_attempt"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trial")),
    )
    with op.batch_alter_table("trial", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_trial_job_id_id"), ["job_id", "id"], unique=False)

    op.create_table(
        "energy_ledger",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(length=48), nullable=True),
        sa.Column("forecast_id", sa.String(length=48), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("phase", sa.String(length=32), nullable=False),
        sa.Column("trial", sa.String(length=200), nullable=True),
        sa.Column("forecaster", sa.String(length=100), nullable=True),
        sa.Column("quantile_model", sa.String(length=100), nullable=True),
        sa.Column("training_method", sa.String(length=100), nullable=True),
        sa.Column("cpu_mj", sa.BigInteger(), nullable=False),
        sa.Column("gpu_mj", sa.BigInteger(), nullable=False),
        sa.Column("ram_mj", sa.BigInteger(), nullable=False),
        sa.Column("cpu_method", sa.String(length=32), nullable=False),
        sa.Column("gpu_method", sa.String(length=32), nullable=False),
        sa.Column("ram_method", sa.String(length=32), nullable=False),
        sa.Column("measured", sa.Boolean(), nullable=False),
        sa.Column("country", sa.String(length=3), nullable=False),
        sa.Column("carbon_g_per_kwh", sa.Double(), nullable=False),
        sa.Column("pue", sa.Double(), nullable=False),
        sa.Column("tool", sa.String(length=80), nullable=False),
        sa.CheckConstraint(
            "(job_id IS NULL) <> (forecast_id IS NULL)", name=op.f("ck_energy_ledger_one_cause")
        ),
        sa.ForeignKeyConstraint(
            ["forecast_id"], ["forecast.id"], name=op.f("fk_energy_ledger_forecast_id_forecast")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_energy_ledger_job_id_job")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_energy_ledger")),
    )
    with op.batch_alter_table("energy_ledger", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_energy_ledger_day"), ["day"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_energy_ledger_forecast_id"), ["forecast_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_energy_ledger_job_id"), ["job_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("energy_ledger", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_energy_ledger_job_id"))
        batch_op.drop_index(batch_op.f("ix_energy_ledger_forecast_id"))
        batch_op.drop_index(batch_op.f("ix_energy_ledger_day"))

    op.drop_table("energy_ledger")
    with op.batch_alter_table("trial", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_trial_job_id_id"))

    op.drop_table("trial")
    with op.batch_alter_table("forecast", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_forecast_state_id"))

    op.drop_table("forecast")
    op.drop_table("model")
    op.drop_table("leaderboard_row")
    op.drop_table("attempt")
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_job_state_id"))

    op.drop_table("job")
    op.drop_table("supervisor_lease")
    op.drop_table("dataset")

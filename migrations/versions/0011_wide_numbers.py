"""64 bits for the numbers that PostgreSQL gives to rows. SQLite's have them already.

Revises: 0010
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NUMBERED = ("trial", "job_event", "energy_ledger", "host_energy", "host_energy_share")


def upgrade() -> None:
    _give(sa.BigInteger(), sa.Integer())


def downgrade() -> None:
    _give(sa.Integer(), sa.BigInteger())


def _give(wanted: sa.types.TypeEngine[int], there: sa.types.TypeEngine[int]) -> None:
    if op.get_bind().dialect.name == "sqlite":
        return
    columns = [*((table, "id") for table in _NUMBERED), ("host_energy_share", "host_energy_id")]
    for table, column in columns:
        op.alter_column(table, column, existing_type=there, type_=wanted)
    for table in _NUMBERED:
        op.execute(f"ALTER SEQUENCE {table}_id_seq AS {wanted.compile(op.get_bind().dialect)}")

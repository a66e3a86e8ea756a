"""Whether a database has the tables of the models."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Index, UnaryExpression

from app.core import migrations
from app.core.schema import METADATA


def differences(connection: Connection) -> list[Any]:
    """What Alembic would change. SQLite does not tell in which direction an index is ordered;
    there, one with a direction is only looked for."""
    told = connection.dialect.name != "sqlite"

    def comparable(item: object, _: object, kind: str, reflected: bool, found: object) -> bool:
        if told or reflected or found is None or not isinstance(item, Index):
            return True
        return not any(isinstance(part, UnaryExpression) for part in item.expressions)

    options = {
        "version_table": migrations.VERSION_TABLE,
        "compare_type": True,
        "include_object": comparable,
    }
    context = MigrationContext.configure(connection, opts=options)
    return list(compare_metadata(context, METADATA))

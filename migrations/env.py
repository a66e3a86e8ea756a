"""Run by Alembic, with the connection that `app.core.migrations` (or the command line) gives."""

import os
from typing import Literal

from alembic import context
from sqlalchemy.engine import Connection

from app.core.database import Database, UtcDateTime
from app.core.migrations import VERSION_TABLE
from app.core.schema import METADATA

config = context.config


def render_item(kind: str, item: object, _: object) -> str | Literal[False]:
    """Revisions must not depend on the application's code of their day."""
    return "sa.DateTime()" if kind == "type" and isinstance(item, UtcDateTime) else False


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        version_table=VERSION_TABLE,
        transactional_ddl=True,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


given = config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    database = Database(os.environ["AUTOPQ_DATABASE_URL"])
    with database.engine.begin() as opened:
        migrate(opened)
    database.close()

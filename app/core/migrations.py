"""Brings a database to the newest schema, and says whether it is there.

The revisions lie in the top-level `migrations` folder, beside the packages both in a checkout and
in an installation.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.engine import Connection

VERSION_TABLE = "autopq_alembic_version"  # Optuna uses Alembic's default name for its own
FOLDER = Path(__file__).resolve().parents[2] / "migrations"


def configuration(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Apply what is missing, in one transaction. A second process that tries too just waits."""
    with engine.begin() as connection:
        command.upgrade(configuration(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        command.downgrade(configuration(connection), revision)


def at_head(connection: Connection) -> bool:
    head = ScriptDirectory.from_config(configuration()).get_current_head()
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision() == head

"""`python -m app`: migrate, serve and supervise, all in one process unless settings part them."""

import sys
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from app.core.logs import configure_logs
from app.core.memory import return_freed_memory
from app.settings import PREFIX, Settings

if TYPE_CHECKING:
    from socket import socket

    from app.core.database import Database

USAGE_CODE = 2


def serve(settings: Settings) -> None:
    """Serve until interrupted; running jobs are handed back to the queue then."""
    import uvicorn

    from app.main import create_app

    return_freed_memory()
    configure_logs(settings.log_level)
    _prepare_or_exit(settings)
    app = create_app(settings)

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: "list[socket] | None" = None) -> None:
            # Streams would keep their connections open, and uvicorn waiting for them.
            app.state.context.streams.close()
            await super().shutdown(sockets)

    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    Server(config).run()


def _prepare_or_exit(settings: Settings) -> None:
    """Brings the database to the newest schema; ends the process rather than open it to all."""
    from alembic.util import CommandError
    from sqlalchemy.exc import SQLAlchemyError

    from app.accounts.exposure import NeedsKeyError, check_exposure
    from app.core.file_systems import NetworkFileSystemError

    try:
        database = ready_database(settings)
        try:
            check_exposure(settings, database)
        finally:
            database.close()
    except (NeedsKeyError, NetworkFileSystemError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(USAGE_CODE)
    except (OSError, SQLAlchemyError, CommandError) as error:
        first = str(error).splitlines()[0]
        sys.stderr.write(f"The service cannot start: {first}\n`autopq doctor` says more.\n")
        sys.exit(USAGE_CODE)


def ready_database(settings: Settings) -> "Database":
    """The database, made or brought to the newest schema."""
    from app.core import migrations
    from app.core.file_systems import check_database_file
    from app.core.schema import open_database

    check_database_file(settings.resolved_database_url)
    settings.storage.prepare()
    database = open_database(settings.resolved_database_url)
    migrations.upgrade(database.engine)
    return database


def settings_or_exit(**given: Any) -> Settings:
    """The given settings, the rest from the environment; ends the process when one is unusable."""
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        findings = [
            f"  {_variable(found['loc'])}{found['msg'].removeprefix('Value error, ')}"
            for found in error.errors()
        ]
        sys.stderr.write("\n".join(["Settings that cannot be used:", *findings]) + "\n")
        sys.exit(USAGE_CODE)


def _variable(location: tuple[int | str, ...]) -> str:
    """Empty for what settings are together."""
    return f"{PREFIX}{'_'.join(map(str, location)).upper()}: " if location else ""


def main() -> None:
    serve(settings_or_exit())


if __name__ == "__main__":
    main()

"""`python -m app`: migrate, serve and supervise, all in one process."""

import sys

from pydantic import ValidationError

from app.core.logs import configure_logs
from app.settings import Settings


def serve(settings: Settings) -> None:
    """Serve until interrupted; running jobs are handed back to the queue then."""
    import uvicorn

    from app.main import create_app

    configure_logs()
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        access_log=False,
        timeout_graceful_shutdown=10,
    )


def main() -> None:
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit(f"settings cannot be used: {error}")
    serve(settings)


if __name__ == "__main__":
    main()

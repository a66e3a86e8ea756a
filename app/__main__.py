"""`python -m app`: migrate, serve and supervise, all in one process."""

import sys
from typing import Any

from pydantic import ValidationError

from app.core.logs import configure_logs
from app.settings import Settings

USAGE_CODE = 2


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


def settings_or_exit(**given: Any) -> Settings:
    """The given settings, the rest from the environment; ends the process when one is unusable."""
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        findings = [
            f"  AUTOPQ_{'_'.join(map(str, found['loc'])).upper()}: {found['msg']}"
            for found in error.errors()
        ]
        sys.stderr.write("\n".join(["Settings that cannot be used:", *findings]) + "\n")
        sys.exit(USAGE_CODE)


def main() -> None:
    serve(settings_or_exit())


if __name__ == "__main__":
    main()

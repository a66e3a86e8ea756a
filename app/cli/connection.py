"""What every command that talks to the service shares: address, exit codes, messages."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from app.cli import output
from app.client import Client, NoModelError, ProblemError, UnreachableError

EXIT_REFUSED, EXIT_USAGE, EXIT_NO_MODEL, EXIT_UNREACHABLE, EXIT_INTERRUPTED = 1, 2, 3, 4, 130

Url = Annotated[str, typer.Option(envvar="AUTOPQ_URL", help="Address of the service.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Limit = Annotated[int, typer.Option(min=1, max=100, help="Most rows listed.")]


@contextmanager
def connected(url: str) -> Iterator[Client]:
    """A client whose errors become a message and an exit code."""
    try:
        with Client(url) as client:
            yield client
    except ProblemError as error:
        output.show_problem(error)
        raise typer.Exit(EXIT_REFUSED) from error
    except NoModelError as error:
        output.note(str(error))
        raise typer.Exit(EXIT_NO_MODEL) from error
    except UnreachableError as error:
        output.note(f"{error}\nIs the service running? Start it with: autopq serve")
        raise typer.Exit(EXIT_UNREACHABLE) from error
    except OSError as error:
        output.note(f"{error.filename or 'file'}: {error.strerror or error}")
        raise typer.Exit(EXIT_USAGE) from error

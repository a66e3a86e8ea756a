"""A job's progress for people: a bar on a terminal, a line per change elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from app.jobs.schemas import Job

# Columns of a pipe are not those of a terminal: rows must not be folded there.
PIPE_WIDTH = 200


def standard_error() -> Console:
    """Where progress, notes and errors go; made anew so that a replaced stderr is honoured."""
    console = Console(stderr=True, highlight=False)
    if console.is_terminal:
        return console
    return Console(stderr=True, highlight=False, width=PIPE_WIDTH)


@contextmanager
def progress_of_job() -> Iterator[Callable[[Job], None]]:
    """A callback for `Client.wait`: a bar on a terminal, a line per change elsewhere."""
    console = standard_error()
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[message]}", markup=False),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("queued", total=1.0, message="")

        def update(job: Job) -> None:
            progress.update(
                task, completed=job.progress, description=_doing(job), message=job.message
            )

        yield update


class _Lines:
    """A plain line whenever state, phase or message changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: tuple[str, str] | None = None

    def __call__(self, job: Job) -> None:
        now = (_doing(job), job.message)
        if now != self._last:
            self._last = now
            self._console.print(f"{job.progress:4.0%} {now[0]} {now[1]}".rstrip(), markup=False)


def _doing(job: Job) -> str:
    retry = f" (attempt {job.attempt})" if job.attempt > 1 else ""
    return f"{job.phase if job.state == 'running' and job.phase else job.state}{retry}"

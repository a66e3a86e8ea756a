"""`autopq jobs`."""

from typing import Annotated

import typer

from app.cli import output
from app.cli.connection import AsJson, Limit, Url, connected
from app.client import DEFAULT_URL
from app.jobs.states import JOB_STATES, JobState

app = typer.Typer(help="List, show and cancel jobs.", no_args_is_help=True)

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of a job.")]


@app.command("list")
def list_(
    state: Annotated[
        JobState | None, typer.Option(help=f"In this state only: {', '.join(JOB_STATES)}.")
    ] = None,
    limit: Limit = 20,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """The newest jobs."""
    with connected(url) as client:
        output.show(client.jobs(state=state, limit=limit).items, output.jobs_table, as_json)


@app.command()
def show(job_id: JobId, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Everything about one job."""
    with connected(url) as client:
        output.show(client.job(job_id), output.job_table, as_json)


@app.command()
def cancel(job_id: JobId, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """End a queued or running job."""
    with connected(url) as client:
        output.show(client.cancel(job_id), output.job_table, as_json)

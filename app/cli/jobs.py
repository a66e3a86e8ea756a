"""`autopq jobs`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.cli import output
from app.cli.connection import AsJson, Limit, Url, connected
from app.client import DEFAULT_URL
from app.jobs.states import JOB_STATES, JobState

app = typer.Typer(help="List, show, repeat, cancel and delete jobs.", no_args_is_help=True)

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of a job.")]


class Part(StrEnum):
    windows = "windows"
    series = "series"
    forecasts = "forecasts"


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


@app.command()
def rerun(
    job_id: JobId,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="Setting to change, as name=JSON; repeat for more."),
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Queue a job once more, with changed settings such as --set horizon=48."""
    changes = dict(output.setting(text) for text in setting or ())
    with connected(url) as client:
        output.show(client.rerun_job(job_id, changes), output.job_table, as_json)


@app.command()
def delete(job_id: JobId, url: Url = DEFAULT_URL) -> None:
    """Remove a job that has ended, with its model and files."""
    with connected(url) as client:
        client.delete_job(job_id)
        output.note(f"job {job_id} is deleted")


@app.command()
def backtest(
    job_id: JobId,
    table: Annotated[
        Part | None, typer.Option(help="Print this table as CSV in place of the scores.")
    ] = None,
    output_file: Annotated[
        Path | None, typer.Option("--output", help="File to write the table to: .csv or .parquet.")
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """How a job's model forecast the rows held out; see `submit --backtest-windows`."""
    output.check_writable(output_file)
    with connected(url) as client:
        if table is None and output_file is None:
            output.show(client.backtest(job_id), output.backtest_table, as_json)
            return
        found = client.backtest_table(job_id, (table or Part.windows).value)
        if output_file is not None:
            output.write_table(found, output_file)
        else:
            output.write_csv(found)

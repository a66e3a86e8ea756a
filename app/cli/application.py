"""Commands of `autopq`. Exit codes: 0 done, 1 refused by the service, 2 wrong usage,
3 the job failed or was cancelled, 4 the service cannot be reached, 130 interrupted."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli import datasets, forecasts, jobs, keys, models, output
from app.cli.calibration import calibrate_energy
from app.cli.connection import EXIT_INTERRUPTED, AsJson, Url, connected
from app.cli.methods import SYNTAX, methods_by_stage
from app.cli.operations import config, doctor
from app.client import DEFAULT_URL, Client, NoModelError
from app.client.progress import progress_of_job
from app.jobs.schemas import Job
from autopq.training_plan import STAGES

app = typer.Typer(
    help="Probabilistic forecasts, and the electricity they took.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for resource in (datasets, jobs, models, forecasts, keys):
    app.add_typer(resource.app, name=resource.__name__.rpartition(".")[2])
app.command()(config)
app.command()(doctor)
app.command()(calibrate_energy)

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of a job.")]


class Preset(StrEnum):
    fast = "fast"
    default = "default"
    advanced = "advanced"


class Grouping(StrEnum):
    day = "day"
    dataset = "dataset"
    forecaster = "forecaster"
    training_method = "training_method"
    preset = "preset"
    job = "job"


def main() -> None:
    """Entry point of the console script."""
    app()


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of the database and all files.")
    ] = None,
) -> None:
    """Start the service. Settings not given here come from AUTOPQ_* variables."""
    from app.__main__ import serve as run_service
    from app.__main__ import settings_or_exit

    run_service(settings_or_exit(**_given(host=host, port=port, data_dir=data_dir)))


@app.command()
def submit(
    file: Annotated[Path, typer.Argument(help="CSV, Parquet or Arrow stream file.")],
    target: Annotated[str, typer.Option(help="Column to forecast.")],
    horizon: Annotated[
        int | None, typer.Option(help="Steps to forecast; 24 when not given.")
    ] = None,
    known_covariates: Annotated[
        list[str] | None,
        typer.Option(help="Columns known for the future as well; repeat or separate by commas."),
    ] = None,
    timestamp: Annotated[str | None, typer.Option(help="Time column, if not recognised.")] = None,
    item_id: Annotated[str | None, typer.Option(help="Series column, if not recognised.")] = None,
    freq: Annotated[str | None, typer.Option(help="Step such as h or 15min.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Zone such as Europe/Berlin.")] = None,
    holidays: Annotated[
        str | None, typer.Option(help="Public holidays that matter, such as DE or DE-BW.")
    ] = None,
    issue_times: Annotated[
        list[str] | None,
        typer.Option(help="Local times at which forecasts are issued, such as 00:00,12:00."),
    ] = None,
    static_features: Annotated[
        list[str] | None,
        typer.Option(help="Columns with one value a series, like --known-covariates."),
    ] = None,
    available_at: Annotated[
        str | None, typer.Option(help="Column saying when known covariates became known.")
    ] = None,
    lead_time: Annotated[
        int | None, typer.Option(help="Steps between the origin and the first step forecast.")
    ] = None,
    delivery_day: Annotated[
        int | None,
        typer.Option(help="Forecast one local day, this many days after the issue: 1 is tomorrow."),
    ] = None,
    lower: Annotated[float | None, typer.Option(help="Lowest possible value.")] = None,
    upper: Annotated[float | None, typer.Option(help="Highest possible value.")] = None,
    preset: Annotated[Preset | None, typer.Option(help="How hard to try.")] = None,
    forecasters: Annotated[
        list[str] | None, typer.Option(help="Point forecasters to try, like --known-covariates.")
    ] = None,
    given_forecast: Annotated[
        str | None, typer.Option(help="Known covariate that holds forecasts made elsewhere.")
    ] = None,
    quantile_models: Annotated[
        list[str] | None, typer.Option(help="Quantile models to try, like --known-covariates.")
    ] = None,
    training_method: Annotated[
        list[str] | None,
        typer.Option(
            metavar=SYNTAX,
            help="Training methods to compare, such as forecaster=backprop,f3:feedback=identity; "
            f"stages are {', '.join(STAGES)}. Repeat for another stage.",
        ),
    ] = None,
    test_fraction: Annotated[
        float | None, typer.Option(help="Last part of each series that scores are reported on.")
    ] = None,
    backtest_windows: Annotated[
        int | None,
        typer.Option(help="Forecast so many windows of the rows held out; see `jobs backtest`."),
    ] = None,
    backtest_step: Annotated[
        int | None, typer.Option(help="Steps between these windows; the horizon by default.")
    ] = None,
    time_limit: Annotated[
        float | None, typer.Option(help="Seconds the fit may take; the best so far is kept.")
    ] = None,
    energy_limit_wh: Annotated[
        float | None, typer.Option(help="Watt-hours the fit may take, like --time-limit.")
    ] = None,
    max_trials: Annotated[
        int | None, typer.Option(help="Candidates and settings to try beyond the references.")
    ] = None,
    prefer_cheaper_within: Annotated[
        float | None,
        typer.Option(help="Share of the best score to give up for less electricity."),
    ] = None,
    min_coverage: Annotated[
        float | None,
        typer.Option(help="Share of values the 90 % interval must hold, such as 0.85."),
    ] = None,
    refit: Annotated[
        bool | None, typer.Option(help="Fit the winner again on all rows; done by default.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same result.")] = None,
    model_name: Annotated[
        str | None, typer.Option(help="What the model is to be called; its versions count up.")
    ] = None,
    priority: Annotated[
        int | None, typer.Option(min=-100, max=100, help="Your queued jobs start highest first.")
    ] = None,
    webhook: Annotated[str | None, typer.Option(help="Address that is told the job's end.")] = None,
    wait: Annotated[bool, typer.Option(help="Follow the job to its end.")] = True,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Upload a table and fit a probabilistic forecast of one column."""
    config = _given(
        target=target,
        horizon=horizon,
        known_covariates=_split(known_covariates),
        timestamp=timestamp,
        item_id=item_id,
        freq=freq,
        timezone=timezone,
        holidays=holidays,
        issue_times=_split(issue_times),
        static_features=_split(static_features),
        available_at=available_at,
        lead_time=lead_time,
        delivery_day=delivery_day,
        lower=lower,
        upper=upper,
        preset=preset,
        forecasters=_split(forecasters),
        given_forecast=given_forecast,
        quantile_models=_split(quantile_models),
        training_methods=methods_by_stage(training_method),
        test_fraction=test_fraction,
        backtest=_given(num_windows=backtest_windows, step=backtest_step) or None,
        time_limit=time_limit,
        energy_limit_wh=energy_limit_wh,
        max_trials=max_trials,
        prefer_cheaper_within=prefer_cheaper_within,
        min_coverage=min_coverage,
        refit=refit,
        seed=seed,
    )
    with connected(url) as client:
        dataset = client.upload_dataset(file)
        output.note(f"dataset {dataset.id}: {dataset.rows} rows")
        job = client.submit_job(
            dataset.id, config, model_name=model_name, priority=priority, webhook=webhook
        )
        output.note(f"job {job.id}")
        if wait:
            job = _follow(client, job)
        if as_json:
            output.write_json(job)
        else:
            output.out().print(output.job_table(job))
        if wait and job.model_id is None:
            raise NoModelError(job)


@app.command()
def status(
    job_id: Annotated[str | None, typer.Argument(metavar="[JOB]", help="Id of a job.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the job to its end.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Most jobs listed.")] = 20,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Show one job, or the latest ones."""
    with connected(url) as client:
        if job_id is None:
            jobs = client.jobs(limit=limit).items
            if as_json:
                output.write_json([job.model_dump(mode="json", by_alias=True) for job in jobs])
            else:
                output.out().print(output.jobs_table(jobs))
            return
        job = client.job(job_id)
        if wait:
            job = _follow(client, job)
        if as_json:
            output.write_json(job)
        else:
            output.out().print(output.job_table(job))
        if wait and job.model_id is None:
            raise NoModelError(job)


@app.command()
def cancel(job_id: JobId, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """End a queued or running job."""
    with connected(url) as client:
        job = client.cancel(job_id)
        if as_json:
            output.write_json(job)
        else:
            output.out().print(f"job {job.id}: {job.state}", markup=False)


@app.command()
def leaderboard(job_id: JobId, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Compare every candidate of a job: scores, seconds and watt-hours."""
    with connected(url) as client:
        board = client.leaderboard(job_id)
        if as_json:
            output.write_json(board)
        else:
            output.out().print(output.leaderboard_table(board.rows))


@app.command()
def forecast(
    job_or_model: Annotated[str, typer.Argument(metavar="JOB|MODEL")],
    history: Annotated[
        Path | None, typer.Option(help="Latest known rows; else the end of the training data.")
    ] = None,
    future_covariates: Annotated[
        Path | None, typer.Option(help="Known covariates of the steps to forecast.")
    ] = None,
    quantile_levels: Annotated[
        str | None, typer.Option(help="Levels such as 0.1,0.5,0.9; the job's by default.")
    ] = None,
    output_file: Annotated[
        Path | None, typer.Option("--output", help="File to write: .csv or .parquet.")
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Forecast with a fitted model; no training. Prints CSV unless told otherwise."""
    output.check_writable(output_file)
    levels = output.levels(quantile_levels)
    with connected(url) as client:
        table = client.predict(_model_of(client, job_or_model), history, future_covariates, levels)
        if output_file is not None:
            output.write_table(table, output_file)
        elif as_json:
            sys.stdout.write(table.to_json(orient="records", date_format="iso", indent=2) + "\n")
        else:
            output.write_csv(table)


@app.command()
def energy(
    job_id: Annotated[str | None, typer.Argument(metavar="[JOB]", help="Id of a job.")] = None,
    trials: Annotated[bool, typer.Option("--trials", help="Break phases down by trial.")] = False,
    group_by: Annotated[Grouping, typer.Option(help="Of all jobs, without JOB.")] = Grouping.day,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Show what a job took, or all jobs and forecasts together."""
    with connected(url) as client:
        if job_id is not None:
            report = client.energy(job_id)
            if as_json:
                output.write_json(report)
            elif trials:
                by_trial = [
                    (f"{part.phase}: {part.trial or '-'}", part) for part in report.by_trial
                ]
                output.show_energy("trial", by_trial, report.total)
            else:
                by_phase = [(part.phase, part) for part in report.by_phase]
                output.show_energy("phase", by_phase, report.total)
            return
        summary = client.energy_summary(group_by.value)
        if as_json:
            output.write_json(summary)
        else:
            groups = [(group.key or "-", group) for group in summary.groups]
            output.show_energy(group_by.value, groups, summary.total)


def _follow(client: Client, job: Job) -> Job:
    """Wait for the job's end. Ctrl-C leaves the job running."""
    try:
        with progress_of_job() as on_progress:
            return client.wait(job.id, on_progress)
    except KeyboardInterrupt:
        output.note(f"The job goes on. Follow it with: autopq status {job.id} --wait")
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _model_of(client: Client, job_or_model: str) -> str:
    if not job_or_model.startswith("job_"):
        return job_or_model
    job = client.job(job_or_model)
    if job.model_id is None:
        raise NoModelError(job)
    return job.model_id


def _given(**settings: Any) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def _split(values: list[str] | None) -> list[str] | None:
    """Names given one by one or separated by commas."""
    names = [name.strip() for value in values or [] for name in value.split(",")]
    return [name for name in names if name] or None

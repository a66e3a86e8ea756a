"""What people and scripts see: data on stdout, everything else on stderr."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.backtests.schemas import BacktestReport
from app.client import ProblemError
from app.client.progress import PIPE_WIDTH, standard_error
from app.datasets.schemas import Dataset, DatasetVersion
from app.energy.schemas import Figures
from app.forecasts.schemas import ForecastStatus
from app.jobs.results import LeaderboardEntry
from app.jobs.schemas import Job
from app.models.schemas import Model, Monitoring

if TYPE_CHECKING:  # half of a command's start would go into importing it
    import pandas as pd

    from app.doctor.checks import Diagnosis

# Columns of a leaderboard on which training methods are compared, and what they show.
_COUNTS = {
    ">trainable": "trainable_parameters",
    ">stored": "stored_parameters",
    ">dense": "dense_parameters",
    ">bytes sent": "bytes_sent",
}


def out() -> Console:
    """Where results go; made anew so that a replaced stdout is honoured."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PIPE_WIDTH)


def write_json(value: BaseModel | list[Any] | dict[str, Any]) -> None:
    """One JSON document on stdout."""
    document = (
        value.model_dump(mode="json", by_alias=True) if isinstance(value, BaseModel) else value
    )
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def write_csv(table: "pd.DataFrame") -> None:
    """CSV on stdout, safe to open in a spreadsheet."""
    sys.stdout.write(_csv(table))


def write_table(table: "pd.DataFrame", path: Path) -> None:
    """A file of the kind its name says; see `check_writable`."""
    if path.suffix.lower() == ".parquet":
        table.to_parquet(path, index=False)
    else:
        path.write_text(_csv(table), encoding="utf-8", newline="")
    note(f"{len(table)} rows written to {path}")


def check_writable(path: Path | None) -> None:
    """Raises a usage error for a file name of another kind than CSV and Parquet."""
    if path is not None and path.suffix.lower() not in {".csv", ".parquet"}:
        raise typer.BadParameter("must end in .csv or .parquet", param_hint="--output")


def _csv(table: "pd.DataFrame") -> str:
    from app.core.spreadsheets import harmless

    return harmless(table).to_csv(index=False)


def note(text: str) -> None:
    standard_error().print(text, markup=False)


def show_problem(error: ProblemError) -> None:
    """The title, then a line per finding: field, row, what is wrong and how to mend it."""
    console = standard_error()
    console.print(f"{error.title} ({error.status})", style="bold red", markup=False)
    if not error.errors:
        console.print(error.detail, markup=False)
    for finding in error.errors:
        row = f", row {finding.row}" if finding.row is not None else ""
        console.print(f"  {finding.field}{row}: {finding.detail}", markup=False)
        console.print(f"    {finding.mend}", style="green", markup=False)


def levels(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise typer.BadParameter(
            f"'{text}' is no list of numbers such as 0.1,0.5,0.9", param_hint="--quantile-levels"
        ) from error


def setting(text: str) -> tuple[str, Any]:
    """`name=JSON`, or `name=text`."""
    name, assigned, value = text.partition("=")
    if not assigned:
        raise typer.BadParameter(f"'{text}' is no name=value", param_hint="--set")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def show(found: Any, table: Callable[[Any], Table], as_json: bool) -> None:
    """What was found as JSON, or as the table that `table` makes of it."""
    if not as_json:
        out().print(table(found))
    elif isinstance(found, list):
        write_json([item.model_dump(mode="json", by_alias=True) for item in found])
    else:
        write_json(found)


def datasets_table(datasets: list[Dataset]) -> Table:
    table = _table("dataset", "name", ">version", ">rows", ">series", "start", "end", "step")
    for dataset in datasets:
        seen = dataset.inspection
        table.add_row(
            dataset.id,
            escape(dataset.name or ""),
            *(str(count) for count in (dataset.version, dataset.rows, seen.series)),
            *(escape(text or "") for text in (seen.start, seen.end, seen.freq)),
        )
    return table


def dataset_table(dataset: Dataset) -> Table:
    """The dataset's line, and one for each of its columns."""
    table = datasets_table([dataset])
    table.add_row()
    for column in dataset.inspection.columns:
        example = f"{column.example or ''}"
        missing = f"{column.missing} missing" if column.missing else ""
        table.add_row(escape(column.name), column.kind, "", "", "", escape(example), missing)
    return table


def versions_table(versions: list[DatasetVersion]) -> Table:
    table = _table("dataset", ">version", ">rows", ">added", ">replaced", "created (UTC)")
    for version in versions:
        counts = (version.version, version.rows, version.added, version.replaced)
        created = f"{version.created_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(version.dataset_id, *(str(count) for count in counts), created)
    return table


def models_table(models: list[Model]) -> Table:
    table = _table("model", "name", ">version", "aliases", "winner", ">pinball", "created (UTC)")
    for model in models:
        table.add_row(
            model.id,
            escape(model.name),
            str(model.version),
            ",".join(model.aliases),
            escape(model.summary.name),
            _number(model.summary.validation.get("mean_pinball")),
            f"{model.created_at:%Y-%m-%d %H:%M:%S}",
        )
    return table


def monitoring_table(found: Monitoring) -> Table:
    table = _table("week", ">values", ">cov. 50", ">cov. 80", ">cov. 90", ">pinball", "verdict")
    parts = [(part.start or "all", part) for part in (*found.weeks, found.overall)]
    for name, part in parts:
        coverages = (part.coverage_50, part.coverage_80, part.coverage_90)
        table.add_row(
            name[:10],
            str(part.values),
            *("" if share is None else _share(share) for share in coverages),
            _number(part.mean_pinball),
            part.verdict,
        )
    return table


def forecasts_table(forecasts: list[ForecastStatus]) -> Table:
    table = _table("forecast", "model", "state", ">paths", "created (UTC)")
    for forecast in forecasts:
        created = f"{forecast.created_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(forecast.id, forecast.model_id, forecast.state, str(forecast.paths), created)
    return table


def jobs_table(jobs: list[Job]) -> Table:
    table = _table("job", "state", "phase", ">done", "target", ">horizon", "created (UTC)")
    for job in jobs:
        table.add_row(
            job.id,
            job.state,
            job.phase or "",
            f"{job.progress:.0%}",
            job.config.target,
            str(job.config.horizon),
            f"{job.created_at:%Y-%m-%d %H:%M:%S}",
        )
    return table


def job_table(job: Job) -> Table:
    """Everything about one job, one property a row."""
    table = _table("", "", header=False)
    properties = {
        "job": job.id,
        "state": job.state,
        "phase": job.phase,
        "done": f"{job.progress:.0%}",
        "message": job.message,
        "attempt": job.attempt,
        "model": job.model_id,
        "dataset": job.dataset_id,
        "created": job.created_at,
        "finished": job.finished_at,
        "error": job.error.detail if job.error else None,
    }
    for name, value in properties.items():
        if value not in (None, ""):
            table.add_row(name, str(value))
    return table


def keys_table(keys: list[dict[str, Any]]) -> Table:
    table = _table("key", "tenant", "name", "scopes", "created", "expires", "last used", "")
    for key in keys:
        stamps = (key[name] for name in ("created_at", "expires_at", "last_used_at"))
        table.add_row(
            key["id"],
            escape(key["tenant"]),
            escape(key["name"]),
            ",".join(key["scopes"]),
            *(stamp[:16] if stamp else "-" for stamp in stamps),
            "revoked" if key["revoked_at"] else "",
        )
    return table


def settings_table(settings: list[dict[str, Any]]) -> Table:
    table = _table("setting", "value", "from", "~")
    for setting in settings:
        value = "-" if setting["value"] is None else str(setting["value"])
        table.add_row(
            setting["variable"], escape(value), setting["source"], escape(setting["description"])
        )
    return table


def show_diagnosis(diagnosis: "Diagnosis") -> None:
    """A line, and one more for what to do."""
    style = {"ok": "green", "warning": "yellow", "problem": "bold red"}[diagnosis.level]
    console = out()
    console.print(f"[{style}]{diagnosis.level:8}[/] {diagnosis.check}: {escape(diagnosis.detail)}")
    if diagnosis.mend:
        console.print(f"         {diagnosis.mend}", markup=False)


def leaderboard_table(rows: list[LeaderboardEntry]) -> Table:
    """Scores are means in the target's units; `test` ones where rows were held out. A star marks
    the row that is kept. Where other training methods than backprop ran, what each trained, kept
    and sent is shown as well."""
    counted = any(row.training_method not in (None, "backprop") for row in rows)
    table = _table(
        *("", "candidate", ">pinball", ">cov. 90", ">MAE", ">pinball test"),
        *(">cov. 90 test", ">seconds", ">Wh"),
        *(_COUNTS if counted else ()),
        "~note",
    )
    for row in rows:
        table.add_row(
            f"{row.rank}{' *' if row.chosen else ''}",
            escape(row.name),
            _number(row.validation.get("mean_pinball")),
            _share(row.validation.get("coverage_90")),
            _number(row.validation.get("mae")),
            _number(row.test.get("mean_pinball")),
            _share(row.test.get("coverage_90")),
            f"{row.seconds:.1f}",
            _number(row.energy_wh),
            *(_count(getattr(row, count)) for count in (_COUNTS.values() if counted else ())),
            escape(_note(row)),
        )
    return table


def _note(row: LeaderboardEntry) -> str:
    """What a reader of a row has to know first."""
    word: str | None = row.error or row.not_recommended or row.details.get("simple_row")
    return word or ("reference" if row.reference else "")


def backtest_table(found: BacktestReport) -> Table:
    """Every score, and under which conditions it came about."""
    table = _table("", "", header=False)
    table.add_row("windows", str(found.windows))
    table.add_row("origins", f"{found.first_origin} to {found.last_origin}")
    for name, score in found.scores:
        share = name.startswith("coverage") or name == "calibration_error"
        table.add_row(name, _share(score) if share and score is not None else _number(score))
    return table


def show_energy(title: str, parts: Sequence[tuple[str, Figures]], total: Figures) -> None:
    """A row per part, the total, and how the figures were obtained. The memory part is a rule of
    thumb, so it has its own column. Small reports are in thousandths."""
    if not total.sources:
        note("no electricity has been metered yet")
    milli, scale = ("", 1.0) if total.total_wh >= 1 else ("m", 1000.0)
    energies = [f">{part} {milli}Wh" for part in ("CPU", "idle", "GPU", "RAM", "total")]
    table = _table(title, ">seconds", *energies, f">{milli}g CO2e", "")
    for name, figures in [*parts, ("total", total)]:
        parts_wh = (figures.cpu_wh, figures.idle_wh, figures.gpu_wh, figures.ram_wh)
        energy = (*parts_wh, figures.total_wh)
        table.add_row(
            escape(name),
            f"{figures.seconds:.1f}",
            *(f"{scale * value:.3f}" for value in (*energy, 1000 * figures.kg_co2e)),
            "measured" if figures.measured else "estimated",
        )
    console = out()
    console.print(table)
    for source in total.sources:
        console.print(
            f"CPU {source.cpu_method}, GPU {source.gpu_method}, RAM {source.ram_method}; "
            f"{source.carbon_g_per_kwh:g} g CO2e/kWh {source.country}, PUE {source.pue:g}; "
            f"{source.tool}",
            markup=False,
        )


def _table(*columns: str, header: bool = True) -> Table:
    """A table without lines. A column name that starts with `>` is aligned to the right, one with
    `~` in front gives way where the others need the room."""
    table = Table(box=None, show_header=header, pad_edge=False)
    for name in columns:
        table.add_column(
            name.lstrip(">~"),
            justify="right" if name.startswith(">") else "left",
            no_wrap=not name.startswith("~"),
            overflow="fold",
        )
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"

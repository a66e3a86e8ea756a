"""Reports of electricity as pages that bring everything along: to print, or to send on."""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from math import floor, log10
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.core.clock import now
from app.core.database import ReadSession
from app.datasets import repository as datasets
from app.energy import service, worth
from app.energy.repository import Filter, GroupBy
from app.energy.schemas import Figures
from app.energy.service import Price
from app.jobs import repository as jobs

_GROUPS: tuple[tuple[GroupBy, str], ...] = (
    ("day", "Day"),
    ("dataset", "Dataset"),
    ("forecaster", "Point forecaster"),
    ("training_method", "Training method"),
    ("preset", "Preset"),
)
_ENERGY_UNITS = (("kWh", 1e-3), ("Wh", 1.0), ("mWh", 1e3))
_MASS_UNITS = (("kg", 1.0), ("g", 1e3), ("mg", 1e6))
_MOST_TRIALS = 6
_MOST_ROWS = 12  # of a table; the rest is one row, so that a report stays one page


def of_job(
    session: ReadSession, job_id: str, price: Price, *, within: float, value: float | None
) -> str:
    """Raises NotFoundError."""
    job = jobs.get(session, job_id)
    energy = service.of_job(session, job_id, price)
    rows = [entry.row for entry in jobs.leaderboard(session, job_id)]
    found = worth.of_leaderboard(rows, price, within=within, value=value)
    tables = [
        _table("Phase", [(part.phase, part) for part in energy.by_phase]),
        _table(
            "Training method",
            [(part.training_method, part) for part in energy.by_training_method],
        ),
        _table(
            "Trials that took most",
            sorted(
                ((_trial(part.phase, part.trial), part) for part in energy.by_trial if part.trial),
                key=lambda pair: -pair[1].total_wh,
            ),
            _MOST_TRIALS,
        ),
        _table("Attempt", [(str(part.attempt), part) for part in energy.by_attempt]),
    ]
    return _page(
        title="Electricity of a forecasting job",
        about=[
            ("Job", job.id),
            ("Dataset", _dataset_names(session, [job.dataset_id])[job.dataset_id]),
            ("Preset", job.config.get("preset", "")),
            ("State", job.state),
            ("Submitted", f"{job.created_at:%Y-%m-%d %H:%M} UTC"),
            *_limits(job.config, rows),
        ],
        total=energy.total,
        tables=[table for table in tables if len(table["rows"]) > 1 or table["title"] == "Phase"],
        worth=found if found.candidates else None,
    )


def of_month(session: ReadSession, month: str, price: Price) -> str:
    """Of all jobs and forecasts of a month such as `2026-11`."""
    first = date.fromisoformat(f"{month}-01")
    last = first.replace(day=monthrange(first.year, first.month)[1])
    which = Filter(since=first, until=last)
    found = {name: service.summary(session, name, price, which) for name, _ in _GROUPS}
    ids = [group.key for group in found["dataset"].groups if group.key is not None]
    names = _dataset_names(session, ids)
    return _page(
        title=f"Electricity in {first:%B %Y}",
        about=[("From", first.isoformat()), ("To", last.isoformat())],
        total=found["day"].total,
        tables=[
            _table(
                title,
                [(names.get(group.key or "", group.key), group) for group in found[name].groups],
            )
            for name, title in _GROUPS
        ],
        worth=None,
    )


def _dataset_names(session: ReadSession, dataset_ids: Sequence[str]) -> dict[str, str]:
    """By id; the id itself where there is no name."""
    return {key: key for key in dataset_ids} | datasets.names(session, dataset_ids)


def _limits(
    config: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    """What the job was allowed, and which limit ended something."""
    if (watt_hours := config.get("energy_limit_wh")) is not None:
        yield "Limit", _watt_hours(watt_hours)
    if (seconds := config.get("time_limit")) is not None:
        yield "Limit", f"{_short(seconds)} s"
    for row in rows:
        if ended_by := row.get("details", {}).get("ended_by"):
            yield "Ended early by", ended_by


def _trial(phase: str, trial: str | None) -> str:
    return f"{phase}: {trial}"


def _table(
    title: str, parts: list[tuple[str | None, Any]], most_rows: int = _MOST_ROWS
) -> dict[str, Any]:
    """Rows in one unit, so that they can be compared down the column."""
    rows = [(name or "other work", _row(figures)) for name, figures in parts[:most_rows]]
    if len(parts) > most_rows:
        rest = [_row(figures) for _, figures in parts[most_rows:]]
        summed = {name: sum(row[name] for row in rest) for name in rest[0]}
        rows.append((f"{len(rest)} more", summed))
    most = max((row["total"] for _, row in rows), default=0.0)
    unit, scale = _unit(most, _ENERGY_UNITS)
    heaviest = max((row["kg_co2e"] for _, row in rows), default=0.0)
    mass_unit, mass_scale = _unit(heaviest, _MASS_UNITS)
    return {
        "title": title,
        "rows": rows,
        "most": most,
        "unit": unit,
        "scale": scale,
        "decimals": _decimals(most * scale),
        "mass_unit": mass_unit,
        "mass_scale": mass_scale,
        "mass_decimals": _decimals(heaviest * mass_scale),
    }


def _row(figures: Figures) -> dict[str, float]:
    return {
        "cpu": figures.cpu_wh,
        "idle": figures.idle_wh,
        "gpu": figures.gpu_wh,
        "ram": figures.ram_wh,
        "total": figures.total_wh,
        "kg_co2e": figures.kg_co2e,
        "cost": figures.cost,
    }


def _page(**content: Any) -> str:
    return _environment().get_template("report.html").render(made_at=now(), **content)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["wh"] = _watt_hours
    environment.filters["grams"] = _grams
    environment.filters["short"] = _short
    environment.filters["aligned"] = _aligned
    environment.filters["money"] = _money
    return environment


def _unit(largest: float, units: tuple[tuple[str, float], ...]) -> tuple[str, float]:
    """The largest unit in which a figure is 1 or more, and what to multiply figures by."""
    return next((pair for pair in units if abs(largest) * pair[1] >= 1), units[-1])


def _watt_hours(value: float) -> str:
    unit, scale = _unit(value, _ENERGY_UNITS)
    return f"{_short(value * scale)} {unit}"


def _grams(kilograms: float) -> str:
    unit, scale = _unit(kilograms, _MASS_UNITS)
    return f"{_short(kilograms * scale)} {unit}"


def _money(value: float) -> str:
    return "< 0.01" if 0 < value < 0.01 else f"{value:,.2f}"


def _short(value: float) -> str:
    """Three digits that count, without an exponent."""
    if value == 0:
        return "0"
    decimals = _decimals(value)
    if decimals == 0:
        return f"{value:,.0f}"
    return f"{value:.{decimals}f}".rstrip("0").rstrip(".")


def _decimals(largest: float) -> int:
    """Behind the point, so that the largest figure of a column has three digits that count."""
    return max(2 - floor(log10(abs(largest))), 0) if largest else 0


def _aligned(value: float, decimals: int) -> str:
    """A figure of a column; one too small to be seen beside the largest says so."""
    if value == 0:
        return "0"
    least = 10**-decimals
    return f"{value:,.{decimals}f}" if value >= least / 2 else f"< {least:.{decimals}f}"

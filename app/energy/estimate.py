"""What a job will probably take, from jobs that have been through on the same machine."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev
from typing import Any, Literal

from app.energy.schemas import Estimate, Range

Basis = Literal["same_task", "same_settings", "same_preset", "none"]

# What decides how much work a task is; names of columns, bounds and the seed do not.
_SETTINGS = (
    "preset",
    "forecasters",
    "quantile_models",
    "training_methods",
    "horizon",
    "delivery_day",
    "refit",
)
_LIMITS = ("energy_limit_wh", "time_limit", "max_trials")
_SIMILAR_ROWS = 1.25
_SPREAD = 0.25  # least standard deviation of logs: machines and searches vary by so much
_LONELY_SPREAD = 0.5  # of a single job
_OTHER_SETTINGS = 2.0  # factor by which a preset's jobs may differ in either direction
_HEADROOM = 1.2  # of a minimum, for a machine that is busier than it was
# Student's t for a two-sided 80 % interval, by degrees of freedom.
_T80 = (3.08, 1.89, 1.64, 1.53, 1.48, 1.44, 1.42, 1.40, 1.38, 1.37)


@dataclass(frozen=True, slots=True)
class Past:
    """A job that succeeded: its task, and what its last attempt took."""

    config: Mapping[str, Any]
    rows: int
    energy_wh: float
    seconds: float
    minimum_wh: float  # of preparation, the references, their scores and calibration
    minimum_seconds: float


def estimate(config: Mapping[str, Any], rows: int, past: Sequence[Past]) -> Estimate:
    """With an 80 % interval. Jobs on tables of another size are scaled: what does not grow with
    the table and what grows with it bound the interval, their geometric mean is the estimate."""
    # What a limit cut short does not say what such a job takes without one.
    basis, near = _nearest(config, rows, [job for job in past if not _limited(job.config)] or past)
    if not near:
        return Estimate(
            basis="none",
            jobs=0,
            energy_wh=None,
            seconds=None,
            minimum_energy_wh=None,
            minimum_seconds=None,
        )
    widen = _OTHER_SETTINGS if basis == "same_preset" else 1.0

    def among(name: str) -> Range:
        return _range([(getattr(job, name), rows / max(job.rows, 1)) for job in near], widen)

    return Estimate(
        basis=basis,
        jobs=len(near),
        energy_wh=_bounded(among("energy_wh"), config.get("energy_limit_wh")),
        seconds=_bounded(among("seconds"), config.get("time_limit")),
        minimum_energy_wh=_minimum(among("minimum_wh")),
        minimum_seconds=_minimum(among("minimum_seconds")),
    )


def _minimum(found: Range) -> float:
    """In three digits, rounded up, so that who allows the figure that is shown is not refused."""
    least = found.expected * _HEADROOM
    step = 10 ** (math.floor(math.log10(least)) - 2)
    return float(f"{math.ceil(least / step - 1e-6) * step:.3g}")


def _nearest(
    config: Mapping[str, Any], rows: int, past: Sequence[Past]
) -> tuple[Basis, list[Past]]:
    alike = [job for job in past if _settings(job.config) == _settings(config)]
    similar = [
        job for job in alike if 1 / _SIMILAR_ROWS <= rows / max(job.rows, 1) <= _SIMILAR_ROWS
    ]
    if similar:
        return "same_task", similar
    if alike:
        return "same_settings", alike
    of_preset = [job for job in past if job.config.get("preset") == config.get("preset")]
    return ("same_preset", of_preset) if of_preset else ("none", [])


def _limited(config: Mapping[str, Any]) -> bool:
    return any(config.get(name) is not None for name in _LIMITS)


def _bounded(found: Range, limit: float | None) -> Range:
    """Of a job that is asked to take no more."""
    if limit is None:
        return found
    return Range(**{name: min(value, limit) for name, value in found.model_dump().items()})


def _settings(config: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(repr(config.get(name)) for name in _SETTINGS)


def _range(values: Sequence[tuple[float, float]], widen: float) -> Range:
    """Of positive values, each with how much larger the table is than its own."""
    logs = [math.log(max(value, 1e-9)) + math.log(ratio) / 2 for value, ratio in values]
    slack = median(abs(math.log(ratio)) / 2 for _, ratio in values) + math.log(widen)
    middle, count = fmean(logs), len(logs)
    spread = max(stdev(logs), _SPREAD) if count > 1 else _LONELY_SPREAD
    t = _T80[min(count - 1, len(_T80)) - 1] if count > 1 else _T80[2]
    half = t * spread * math.sqrt(1 + 1 / count) + slack
    return Range(
        expected=math.exp(middle), low=math.exp(middle - half), high=math.exp(middle + half)
    )

"""Synthetic load with weather and a calendar, for tests and documents."""

import numpy as np
import pandas as pd

from autopq.data.panel import Floats, Times

_DAY = pd.Timedelta(days=1)


def synthetic_load(
    rng: np.random.Generator,
    *,
    days: int = 60,
    freq: str = "h",
    series: int = 1,
    start: str = "2024-01-01",
    timezone: str | None = None,
) -> pd.DataFrame:
    """A long table `item_id, timestamp, load (MW), temperature (°C)`, series one behind the other.

    Load has a daily shape that sleeps in at weekends, rises as temperature falls below 15 °C, and
    carries autocorrelated noise that grows with it. `days` are calendar days of the local clock.
    With a `timezone` the stamps are clock times of that zone as a meter would write them: an hour
    is missing in spring and twice there in autumn.
    """
    clock = pd.date_range(
        start,
        pd.Timestamp(start) + days * _DAY,
        freq=freq,
        tz=timezone,
        inclusive="left",
    )
    local = clock.tz_localize(None).to_numpy()
    tables = [
        pd.DataFrame(
            {
                "item_id": f"meter-{number + 1}",
                "timestamp": local,
                **_columns(rng, local, scale=50.0 * (number + 1)),
            }
        )
        for number in range(series)
    ]
    return pd.concat(tables, ignore_index=True)


def _columns(rng: np.random.Generator, local: Times, scale: float) -> dict[str, Floats]:
    stamps = pd.DatetimeIndex(local)
    hour = (stamps.hour + stamps.minute / 60).to_numpy(np.float64)
    weekend = (stamps.day_of_week >= 5).astype(np.float64)
    year = 2 * np.pi * stamps.day_of_year.to_numpy() / 365.25
    per_day = max(1, int((stamps.normalize() == stamps[0].normalize()).sum()))
    temperature = 10 - 9 * np.cos(year) + 4 * np.sin(2 * np.pi * (hour - 9) / 24)
    temperature = temperature + 3 * _wandering(rng, len(local), memory=2 * per_day)
    morning = np.exp(-0.5 * ((hour - 8 - 2 * weekend) / 2.5) ** 2)
    evening = np.exp(-0.5 * ((hour - 19) / 3) ** 2)
    shape = 1 + (0.5 - 0.2 * weekend) * morning + 0.6 * evening
    heating = 0.03 * np.maximum(0, 15 - temperature)
    level = shape + heating
    noise = 0.04 * level * _wandering(rng, len(local), memory=max(2, per_day // 6))
    return {"load": scale * (level + noise), "temperature": temperature}


def _wandering(rng: np.random.Generator, count: int, memory: float) -> Floats:
    """[count] autocorrelated noise of variance 1 that forgets within `memory` steps."""
    keep = np.exp(-1 / memory)
    shocks = rng.standard_normal(count)
    noise = np.empty(count)
    noise[0] = shocks[0]
    fresh = np.sqrt(1 - keep**2)
    for i in range(1, count):
        noise[i] = keep * noise[i - 1] + fresh * shocks[i]
    return noise

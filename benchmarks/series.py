"""The series the accuracy benchmark knows: file stem, target, known covariates, limits."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

HORIZON = 24
TEST_FRACTION = 0.2


@dataclass(frozen=True)
class Series:
    """One hourly series in a CSV file whose first column is the time."""

    name: str
    target: str
    covariates: tuple[str, ...] = ()
    lower: float | None = None
    upper: float | None = None
    holidays: str | None = None  # country of the public holidays

    def read(self, folder: Path) -> pd.DataFrame:
        """Target and covariates on the file's own clock, one row an hour; gaps interpolated."""
        frame = pd.read_csv(folder / f"{self.name}.csv", index_col=0, parse_dates=True)
        return frame[[self.target, *self.covariates]].astype(float).interpolate()


# The six series of the AutoPQ paper, then those the demo's data package carries.
KNOWN = (
    Series("load-bw", "load_power_statistics", lower=0, holidays="DE"),
    Series("load-gcp", "MT_158", lower=0, holidays="PT"),
    Series("mobility", "cnt", ("temp", "hum", "windspeed", "weathersit"), lower=0, holidays="US"),
    Series(
        "price", "Zonal Price", ("Forecasted Total Load", "Forecasted Zonal Load"), holidays="US"
    ),
    Series("pv", "POWER", ("SSRD", "TCC"), lower=0, upper=1),
    Series("wp", "TARGETVAR", ("U100", "V100", "Speed100"), lower=0, upper=1),
    Series("hourly_electricity", "y", lower=0, holidays="PT"),
    Series("hourly_solarpower", "y", lower=0),
    Series("hourly_windpower", "y"),
)


def first_test_row(rows: int) -> int:
    """The test part is the last 20 % of the rows."""
    return int(rows - rows * TEST_FRACTION)


def origins(frame: pd.DataFrame) -> np.ndarray:
    """[n] first rows of the test windows: every row of the test part at clock hour 0 from which
    a whole horizon is known."""
    rows = np.arange(first_test_row(len(frame)), len(frame) - HORIZON + 1)
    return rows[frame.index[rows].hour == 0]

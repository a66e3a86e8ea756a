"""Public holidays of a country as one more known covariate, computed instead of sent."""

from dataclasses import replace

import numpy as np
import pandas as pd

from autopq.data.panel import Floats, Panel, Times
from autopq.errors import InputError, Issue


def with_holidays(panel: Panel, place: str | None) -> Panel:
    """The panel with a covariate that is 1 on public holidays of local clock time, else 0.

    `place` is an ISO 3166 country, or one with a subdivision (`DE`, `DE-BW`); None changes
    nothing. Raises InputError for a place whose holidays are unknown.
    """
    if place is None:
        return panel
    flags = holiday_flags(panel.local_time, place)
    return replace(
        panel,
        covariates=np.column_stack([panel.covariates, flags]),
        covariate_names=(*panel.covariate_names, f"holiday:{place}"),
    )


def holiday_flags(local_time: Times, place: str) -> Floats:
    """[N] 1.0 where the local date is a public holiday."""
    # The package is slow to import and only some tasks ask for it.
    import holidays

    country, _, subdivision = place.partition("-")
    dates = local_time.astype("datetime64[D]")
    years = np.unique(dates.astype("datetime64[Y]")).astype(int) + 1970
    try:
        found = holidays.country_holidays(
            country, subdiv=subdivision or None, years=[int(year) for year in years]
        )
    except NotImplementedError as error:
        raise InputError(
            Issue(
                "holidays",
                f"no public holidays are known for '{place}'.",
                "Use an ISO 3166 country such as 'DE', or one with a subdivision ('DE-BW').",
            )
        ) from error
    days = pd.DatetimeIndex(sorted(found)).to_numpy().astype("datetime64[D]")
    return np.isin(dates, days).astype(np.float64)

"""Time stamps as people write them: ISO 8601 with or without offset, or `31.01.2024 13:00`."""

from dataclasses import dataclass
from datetime import timezone
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from autopq.data.panel import Times
from autopq.errors import Issue

StampKind = Literal["naive", "offset", "zone"]

_OFFSET = r"\s*(?:Z|UTC|[+-]\d\d(?::?\d\d)?)$"
_TIME_WITH_OFFSET = r":\d\d(?:\.\d+)?" + _OFFSET  # the day of a bare date is no offset
_DOTTED = r"^\d{1,2}\.\d{1,2}\.\d{4}"
_MEND = "Write stamps like 2024-01-31 13:00, with an offset such as +01:00 where it is known."


@dataclass(frozen=True)
class Stamps:
    """Parsed stamps in the table's order.

    `wall` are the clock times as written, `utc` the instants where an offset or zone says them
    (None for naive stamps), `zone` the one zone or offset of all rows, None when unknown or mixed.
    """

    kind: StampKind
    wall: Times  # [N]
    utc: Times | None  # [N]
    zone: str | None


def as_text(values: pd.Series) -> pd.Series:
    """A column of any kind as texts; missing stays missing."""
    if values.dtype == object:  # holds whatever Python holds, bytes among it
        values = values.map(str, na_action="ignore")
    return values.astype("str")


def share_of_stamps(values: pd.Series) -> float:
    """The share of the given values that are time stamps; numbers are none."""
    values = values.dropna()
    if len(values) == 0 or pd.api.types.is_numeric_dtype(values.dtype):
        return 0.0
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return 1.0
    text = as_text(values).str.strip()
    timed = _matches(text, _TIME_WITH_OFFSET)
    text = text.where(~timed, text.str.replace(_OFFSET, "", regex=True))
    return float((~np.isnat(_wall(text))).mean())


def parse_stamps(values: pd.Series, field: str) -> tuple[Stamps | None, Issue | None]:
    """The stamps of a column, or the first row that is none."""
    missing = values.isna().to_numpy()
    if missing.any():
        return None, Issue(field, "the time stamp is missing.", _MEND, _row(missing))
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return _aware(pd.DatetimeIndex(values)), None
    if pd.api.types.is_datetime64_dtype(values.dtype):
        return Stamps("naive", values.to_numpy().astype("datetime64[us]"), None, None), None
    if pd.api.types.is_numeric_dtype(values.dtype):
        return None, Issue(field, "holds numbers, not time stamps.", _MEND, 1)
    return _parse_text(as_text(values).str.strip(), field)


def _parse_text(text: pd.Series, field: str) -> tuple[Stamps | None, Issue | None]:
    with_offset = _matches(text, _TIME_WITH_OFFSET)
    if with_offset.any() and not with_offset.all():
        odd = with_offset if with_offset.mean() < 0.5 else ~with_offset
        return None, Issue(
            field, "some stamps have an offset from UTC, others none.", _MEND, _row(odd)
        )
    if not with_offset.any():
        wall = _wall(text)
        bad = np.isnat(wall)
        if bad.any():
            return None, _unreadable(text, bad, field)
        return Stamps("naive", wall, None, None), None
    wall = _wall(text.str.replace(_OFFSET, "", regex=True))
    instants = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True)
    utc = instants.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    bad = np.isnat(wall) | np.isnat(utc)
    if bad.any():
        return None, _unreadable(text, bad, field)
    return Stamps("offset", wall, utc, _one_offset(wall, utc)), None


def _wall(text: pd.Series) -> Times:
    """Clock times, NaT where unreadable. Dotted dates are day first; slashes could be either and
    are not read."""
    if _matches(text.head(1), _DOTTED).any():
        text = text.str.replace(r"^(\d{1,2})\.(\d{1,2})\.(\d{4})", r"\3-\2-\1", regex=True)
        text = text.str.replace(r"-(\d)(?=[-\s]|$)", r"-0\1", regex=True)
    parsed = pd.to_datetime(text, format="ISO8601", errors="coerce")
    return parsed.to_numpy().astype("datetime64[us]")


def _matches(text: pd.Series, pattern: str) -> npt.NDArray[np.bool_]:
    """[N] whether each text matches; Arrow's engine is many times faster than Python's."""
    found = pa.compute.match_substring_regex(pa.array(text, pa.string()), pattern)
    mask: npt.NDArray[np.bool_] = found.to_numpy(zero_copy_only=False)
    return mask


def _aware(index: pd.DatetimeIndex) -> Stamps:
    utc = index.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[us]")
    wall = index.tz_localize(None).to_numpy().astype("datetime64[us]")
    name = str(index.tz)
    if isinstance(index.tz, timezone) or "/" not in name:
        return Stamps("offset", wall, utc, _one_offset(wall, utc))
    return Stamps("zone", wall, utc, name)


def _one_offset(wall: Times, utc: Times) -> str | None:
    """The offset that all stamps share, as a zone name; None when they differ."""
    offsets = np.unique(wall - utc)
    if len(offsets) > 1:
        return None
    minutes = int(offsets[0] / np.timedelta64(1, "m"))
    if minutes == 0:
        return "UTC"
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _unreadable(text: pd.Series, bad: npt.NDArray[np.bool_], field: str) -> Issue:
    row = _row(bad)
    return Issue(field, f"'{text.iloc[row - 1][:40]}' is not a time stamp.", _MEND, row)


def _row(mask: npt.NDArray[np.bool_]) -> int:
    return int(np.argmax(mask)) + 1

"""Whatever a table holds, the audit answers with a panel or with findings, never with a crash."""

from contextlib import suppress
from decimal import Decimal

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autopq.data.audit import audit, inspect
from autopq.errors import InputError
from autopq.task import TaskConfig

CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(
        [
            "2024-01-01",
            "2024-01-01T00:00Z",
            "2024-03-31 02:30",
            "9999-12-31 23:59:59",
            "0001-01-01",
            "2262-05-01",
            "31.12.2024 23:00",
            "1,5",
            "1e999",
            "-inf",
            Decimal("1.5"),
            pd.Timestamp("2024-01-01"),
            pd.Timestamp("2024-01-01", tz="Europe/Berlin"),
            pd.Timestamp.max,
            pd.NaT,
            b"\xff",
        ]
    ),
)


def column(rows: int) -> st.SearchStrategy[list[object]]:
    regular = pd.date_range("2024-01-01", periods=rows, freq="h")
    return st.one_of(
        st.lists(CELLS, min_size=rows, max_size=rows),
        st.just(list(regular)),
        st.just([str(stamp) for stamp in regular]),
        st.just([float(i % 5) for i in range(rows)]),
        st.just(["a", "b"] * (rows // 2) + ["a"] * (rows % 2)),
    )


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(st.integers(0, 12))
    names = draw(
        st.lists(
            st.sampled_from(["timestamp", "item_id", "target", "wind", "y", ""]),
            unique=True,
            max_size=5,
        )
    )
    table = pd.DataFrame({name: draw(column(rows)) for name in names}, dtype=object)
    return table.infer_objects() if draw(st.booleans()) else table


def edited(values: pd.Series, edits: list[tuple[int, object]]) -> pd.Series:
    cells = list(values)
    for row, cell in edits:
        cells[row] = cell
    return pd.Series(cells, dtype=object)


EDITS = st.lists(st.tuples(st.integers(0, 39), CELLS), max_size=3)


@given(
    table=tables(),
    future=st.none() | tables(),
    timezone=st.sampled_from([None, "Europe/Berlin", "+01:00"]),
    freq=st.sampled_from([None, "h", "D", "MS"]),
    covariates=st.sampled_from([(), ("wind",)]),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_table_is_answered(
    table: pd.DataFrame,
    future: pd.DataFrame | None,
    timezone: str | None,
    freq: str | None,
    covariates: tuple[str, ...],
) -> None:
    inspect(table)
    config = TaskConfig(horizon=2, timezone=timezone, freq=freq, known_covariates=covariates)
    for purpose in ("fit", "predict"):
        with suppress(InputError):
            audit(table, config, future=future, purpose=purpose)


@given(stamps=EDITS, targets=EDITS, items=EDITS, timezone=st.sampled_from([None, "Europe/Berlin"]))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_good_table_with_odd_cells_is_answered(
    stamps: list[tuple[int, object]],
    targets: list[tuple[int, object]],
    items: list[tuple[int, object]],
    timezone: str | None,
) -> None:
    time = pd.Series(pd.date_range("2024-03-30", periods=40, freq="h").astype("str"))
    table = pd.DataFrame(
        {
            "timestamp": edited(time, stamps),
            "target": edited(pd.Series(np.arange(40.0)), targets),
            "item_id": edited(pd.Series(["a"] * 40), items),
        }
    )
    inspect(table)
    config = TaskConfig(horizon=1, timezone=timezone)
    with suppress(InputError):
        panel, _ = audit(table, config)
        assert np.isfinite(panel.filled[: panel.lengths[0]]).all()
        assert (np.diff(panel.time[: panel.sizes[0]]) > np.timedelta64(0)).all()

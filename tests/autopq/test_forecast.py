"""A forecast as data: any level, any table, and the file it is kept in."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from autopq.errors import ArtifactError
from autopq.evaluation.grid import DENSE_LEVELS, normal_score
from autopq.forecast import Forecast


@pytest.fixture
def forecast() -> Forecast:
    """Two series, three quarter-hours across the autumn clock change in Berlin, normal
    quantiles."""
    rng = np.random.default_rng(1)
    start = np.datetime64("2024-10-27T00:30", "ns")
    step = np.timedelta64(15, "m")
    timestamps = np.broadcast_to(start + step * np.arange(3), (2, 3))
    center = np.arange(6.0).reshape(2, 3, 1) * 10
    return Forecast(
        target="load",
        item_ids=("a", "b"),
        timestamps=np.array(timestamps),
        timezone="Europe/Berlin",
        levels=DENSE_LEVELS,
        quantiles=center + normal_score(DENSE_LEVELS),
        paths=rng.normal(size=(2, 50, 3)).astype(np.float32),
    )


def test_any_level_can_be_asked_for(forecast: Forecast) -> None:
    found = forecast.at([0.123, 0.5, 0.877])
    np.testing.assert_allclose(found[..., 1], forecast.at([0.5])[..., 0])
    np.testing.assert_allclose(found[0, 0, 0], normal_score([0.123])[0], atol=1e-3)
    assert (np.diff(found, axis=-1) > 0).all()


def test_the_table_is_long_and_keeps_the_repeated_hour_apart(forecast: Forecast) -> None:
    table = forecast.to_frame([0.1, 0.5, 0.9])
    assert list(table.columns) == ["item_id", "timestamp", "0.1", "0.5", "0.9"]
    assert table["item_id"].tolist() == ["a"] * 3 + ["b"] * 3
    offsets = [stamp.isoformat() for stamp in table["timestamp"][:3]]
    assert offsets == [
        "2024-10-27T02:30:00+02:00",
        "2024-10-27T02:45:00+02:00",
        "2024-10-27T02:00:00+01:00",
    ]


def test_what_is_saved_is_loaded_bit_for_bit(forecast: Forecast, tmp_path: Path) -> None:
    forecast.save(tmp_path / "f.parquet")
    loaded = Forecast.load(tmp_path / "f.parquet")
    assert loaded.item_ids == forecast.item_ids
    assert loaded.timezone == forecast.timezone
    np.testing.assert_array_equal(loaded.timestamps, forecast.timestamps)
    np.testing.assert_array_equal(loaded.quantiles, forecast.quantiles)
    np.testing.assert_array_equal(loaded.paths, forecast.paths)
    pd.testing.assert_frame_equal(loaded.to_frame([0.5]), forecast.to_frame([0.5]))


def test_paths_can_be_left_on_disk(forecast: Forecast, tmp_path: Path) -> None:
    forecast.save(tmp_path / "f.parquet")
    assert Forecast.load(tmp_path / "f.parquet", paths=False).paths.shape == (2, 0, 3)


def test_another_parquet_file_is_refused(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"item_id": ["a"], "timestamp": [0], "quantiles": [[1.0]], "paths": [[1.0]]}),
        tmp_path / "x.parquet",
    )
    with pytest.raises(ArtifactError, match="not a forecast"):
        Forecast.load(tmp_path / "x.parquet")

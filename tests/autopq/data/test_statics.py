"""Static features: read once a series, seen by row-wise models, remembered by a fitted model."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autopq import AutoPQ, FittedModel, TaskConfig
from autopq.data.audit import audit
from autopq.data.panel import Statics
from autopq.data.splits import split
from autopq.errors import InputError
from autopq.forecasters.features import FeatureBuilder

CONFIG = TaskConfig(horizon=6, static_features=("region", "capacity"))
HOURS = 400


def table(rng: np.random.Generator | None = None) -> pd.DataFrame:
    """Three series; those of the south peak when those of the north are lowest."""
    rng = rng or np.random.default_rng(0)
    stamps = pd.date_range("2024-01-01", periods=HOURS, freq="h")
    parts = []
    for item, region, capacity in (("a", "south", 5.0), ("b", "north", 9.0), ("c", "south", None)):
        sign = 1 if region == "south" else -1
        load = 10 + sign * np.sin(2 * np.pi * np.arange(HOURS) / 24) + rng.normal(0, 0.1, HOURS)
        parts.append(
            pd.DataFrame({"item_id": item, "timestamp": stamps, "target": load}).assign(
                region=region, capacity=capacity
            )
        )
    return pd.concat(parts, ignore_index=True)


def statics_of(frame: pd.DataFrame, *names: str) -> Statics | None:
    config = CONFIG.model_copy(update={"static_features": names})
    return audit(frame, config)[0].statics


def test_numbers_and_categories_become_features_of_each_series() -> None:
    statics = statics_of(table(), "region", "capacity")
    assert statics is not None
    assert statics.names == ("region=north", "region=south", "capacity")
    np.testing.assert_array_equal(statics.values, [[0, 1, 5], [1, 0, 9], [0, 1, 7]])


def test_what_is_the_same_everywhere_tells_nothing() -> None:
    frame = table().assign(country="DE", metered=True)
    assert statics_of(frame, "country", "metered") is None
    alone = frame[frame["item_id"] == "a"]
    assert statics_of(alone, "region") is None


def test_rare_categories_share_no_feature() -> None:
    stamps = pd.date_range("2024-01-01", periods=60, freq="h")
    many = pd.concat(
        [
            pd.DataFrame(
                {"item_id": f"s{i}", "timestamp": stamps, "target": np.arange(60.0)}
            ).assign(place=f"p{i}")
            for i in range(30)
        ]
    )
    statics = statics_of(many, "place")
    assert statics is not None
    assert statics.values.shape == (30, 24)
    assert set(statics.values.sum(axis=1)) == {0.0, 1.0}


def test_a_value_that_changes_within_a_series_is_named_with_its_row() -> None:
    frame = table()
    frame.loc[HOURS + 7, "region"] = "west"
    with pytest.raises(InputError) as raised:
        audit(frame, CONFIG)
    (issue,) = raised.value.issues
    assert (issue.field, issue.row) == ("region", HOURS + 8)
    assert "'west' here and 'north'" in issue.message


def test_a_column_has_one_role() -> None:
    with pytest.raises(InputError, match="given two roles"):
        audit(table(), CONFIG.model_copy(update={"known_covariates": ("capacity",)}))
    with pytest.raises(InputError, match="no column 'place'"):
        audit(table(), CONFIG.model_copy(update={"static_features": ("place",)}))
    with pytest.raises(ValueError, match="cannot be a static feature"):
        TaskConfig(static_features=("target",))


def test_rows_of_a_window_say_what_its_series_is() -> None:
    panel, _ = audit(table(), CONFIG)
    train = split(panel, CONFIG).train
    builder = FeatureBuilder.fit(train, "none")
    where = [i for i, group in enumerate(builder.groups) if group == "static"]
    assert [builder.names[i] for i in where] == ["region=north", "region=south", "capacity"]
    assert panel.statics is not None
    rows = builder.build(train).x.reshape(len(train), 6, -1)
    np.testing.assert_array_equal(
        rows[..., where], np.repeat(panel.statics.values[train.series][:, None], 6, axis=1)
    )


def test_a_model_remembers_what_its_series_are(tmp_path: Path) -> None:
    config = CONFIG.model_copy(
        update={"preset": "fast", "forecasters": ("lightgbm",), "quantile_models": ("residual",)}
    )
    frame = table()
    model = AutoPQ(config).fit(frame).model
    model.save(tmp_path / "model")
    loaded = FittedModel.load(tmp_path / "model")
    expected = model.predict(frame).quantiles
    bare = frame.drop(columns=["region", "capacity"])
    np.testing.assert_array_equal(loaded.predict(bare).quantiles, expected)
    one = bare[bare["item_id"] == "b"]
    np.testing.assert_array_equal(loaded.predict(one).quantiles[0], expected[1])

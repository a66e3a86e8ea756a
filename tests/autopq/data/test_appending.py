"""Rows that arrived since: filled in where known, behind the table where new."""

import numpy as np
import pandas as pd
import pytest

from autopq.data.appending import append_rows
from autopq.errors import InputError


@pytest.fixture
def table() -> pd.DataFrame:
    """Two series whose last temperatures are known beyond their loads."""
    stamps = pd.date_range("2026-01-01", periods=4, freq="h")
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "item_id": item,
                    "timestamp": stamps.strftime("%Y-%m-%d %H:%M"),
                    "load": [1.0, 2.0, 3.0, np.nan],
                    "temperature": [5, 6, 7, 8],
                }
            )
            for item in ("a", "b")
        ],
        ignore_index=True,
    )


def rows(**columns: list[object]) -> pd.DataFrame:
    return pd.DataFrame(columns)


class TestPlaces:
    def test_actuals_fill_in_and_new_rows_follow(self, table: pd.DataFrame) -> None:
        new = rows(
            item_id=["b", "b"],
            timestamp=["2026-01-01 03:00", "2026-01-01 04:00"],
            load=[40.0, 41.0],
        )
        found = append_rows(table, new)
        assert (found.added, found.replaced, len(found.table)) == (1, 1, 9)
        filled = found.table.iloc[7]
        assert (filled["load"], filled["temperature"]) == (40.0, 8)
        last = found.table.iloc[8]
        assert (last["item_id"], last["timestamp"], last["load"]) == ("b", "2026-01-01 04:00", 41)
        assert pd.isna(last["temperature"])
        untouched = found.table.iloc[:7]
        pd.testing.assert_frame_equal(untouched, table.iloc[:7], check_dtype=False)

    def test_empty_values_change_nothing(self, table: pd.DataFrame) -> None:
        new = rows(item_id=["a"], timestamp=["2026-01-01 02:00"], load=[None], temperature=[70])
        row = append_rows(table, new).table.iloc[2]
        assert (row["load"], row["temperature"]) == (3.0, 70)

    def test_a_series_that_is_new(self, table: pd.DataFrame) -> None:
        new = rows(item_id=["c"], timestamp=["2020-01-01 00:00"], load=[1])
        assert append_rows(table, new).table["item_id"].tolist()[-1] == "c"

    def test_one_instant_written_with_another_offset_is_one_stamp(self) -> None:
        table = rows(ds=["2026-01-01T00:00+01:00", "2026-01-01T01:00+01:00"], y=[1.0, None])
        found = append_rows(table, rows(ds=["2026-01-01T00:00Z"], y=[2.0]))
        assert (found.added, found.replaced) == (0, 1)
        assert found.table["y"].tolist() == [1.0, 2.0]
        assert found.table["ds"].tolist() == table["ds"].tolist()

    @pytest.mark.parametrize(
        ("stamps", "said"),
        [
            (["2025-12-31 23:00"], "before the end"),
            (["2026-01-01 02:30"], "before the end"),
            (["2026-01-01 03:00"] * 2, "appears twice"),
        ],
    )
    def test_stamps_without_a_place(
        self, table: pd.DataFrame, stamps: list[str], said: str
    ) -> None:
        new = rows(item_id=["a"] * len(stamps), timestamp=stamps, load=[1.0] * len(stamps))
        with pytest.raises(InputError, match=said) as caught:
            append_rows(table, new)
        assert caught.value.issues[0].row == len(stamps)

    def test_stamps_that_stand_twice_in_the_table(self) -> None:
        table = rows(ds=["2026-01-01 00:00"] * 2, y=[1.0, 2.0])
        with pytest.raises(InputError, match="more than one row"):
            append_rows(table, rows(ds=["2026-01-01 00:00"], y=[3.0]))


class TestColumns:
    def test_usual_aliases(self) -> None:
        table = rows(item_id=["a"], timestamp=["2026-01-01"], target=[1.0])
        new = rows(unique_id=["a"], ds=["2026-01-02"], y=[2.0])
        assert append_rows(table, new).table["target"].tolist() == [1.0, 2.0]
        back = append_rows(new, rows(item_id=["a"], timestamp=["2026-01-03"], target=[3.0]))
        assert list(back.table.columns) == ["unique_id", "ds", "y"]

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"colour": ["red"]}, "colour"),
            ({"load": ["many"]}, "load"),
            ({"timestamp": ["2026-01-02T00:00Z"]}, "timestamp"),
            ({"timestamp": ["soon"]}, "timestamp"),
            ({"item_id": [None]}, "item_id"),
        ],
    )
    def test_unusable(
        self, table: pd.DataFrame, change: dict[str, list[object]], field: str
    ) -> None:
        given = {"item_id": ["a"], "timestamp": ["2026-01-02 00:00"], "load": [1.0]} | change
        with pytest.raises(InputError) as caught:
            append_rows(table, pd.DataFrame(given))
        assert [issue.field for issue in caught.value.issues] == [field]

    def test_the_only_series_needs_no_name(self, table: pd.DataFrame) -> None:
        new = rows(timestamp=["2026-01-01 04:00"], load=[4.0])
        grown = append_rows(table[table["item_id"] == "a"], new).table
        assert grown["item_id"].tolist() == ["a"] * 5

    @pytest.mark.parametrize("left_out", ["item_id", "timestamp"])
    def test_what_places_a_row_is_needed(self, table: pd.DataFrame, left_out: str) -> None:
        new = table.tail(1).drop(columns=left_out)
        with pytest.raises(InputError) as caught:
            append_rows(table, new)
        assert caught.value.issues[0].field == left_out


class TestKinds:
    @pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
    @pytest.mark.parametrize("as_text", [True, False])
    def test_stamps_as_datetimes(self, zone: str | None, as_text: bool) -> None:
        stamps = pd.date_range("2026-01-01", periods=3, freq="h", tz=zone)
        table = pd.DataFrame({"timestamp": stamps[:2], "load": [1, 2]})
        new = pd.DataFrame({"timestamp": stamps[2:], "load": [3]})
        if as_text:
            new["timestamp"] = [stamp.isoformat() for stamp in new["timestamp"]]
        grown = append_rows(table, new).table
        assert grown["timestamp"].tolist() == stamps.tolist()
        assert grown["load"].tolist() == [1, 2, 3]

    def test_datetimes_onto_texts(self, table: pd.DataFrame) -> None:
        new = pd.DataFrame(
            {"item_id": ["a"], "timestamp": [pd.Timestamp("2026-01-01 04:00")], "load": [4]}
        )
        assert append_rows(table, new).table["timestamp"].tolist()[-1] == "2026-01-01T04:00:00"

    def test_numbered_series(self) -> None:
        table = rows(id=[1, 2], timestamp=["2026-01-01"] * 2, load=[1.0, 2.0])
        grown = append_rows(table, rows(id=["2"], timestamp=["2026-01-02"], load=[3.0])).table
        assert grown["id"].tolist() == [1, 2, 2]


class TestVintages:
    """Weather as it was known at several times, and the load that came."""

    @pytest.fixture
    def table(self) -> pd.DataFrame:
        return rows(
            timestamp=["2026-01-02 00:00", "2026-01-02 00:00", "2026-01-02 01:00"],
            known=["2026-01-01 00:00", "2026-01-01 12:00", "2026-01-01 12:00"],
            wind=[1.0, 2.0, 3.0],
            load=[float("nan")] * 3,
        )

    def test_a_new_vintage_is_a_row_of_its_own(self, table: pd.DataFrame) -> None:
        new = rows(
            timestamp=["2026-01-02 00:00", "2026-01-02 02:00"],
            known=["2026-01-01 18:00", "2026-01-01 18:00"],
            wind=[4.0, 5.0],
        )
        found = append_rows(table, new, available_at="known")
        assert (found.added, found.replaced) == (2, 0)
        assert found.table["wind"].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
        assert found.table["known"].tolist()[3:] == ["2026-01-01 18:00"] * 2

    def test_a_vintage_that_is_there_is_corrected(self, table: pd.DataFrame) -> None:
        new = rows(timestamp=["2026-01-02 00:00"], known=["2026-01-01 12:00"], wind=[9.0])
        found = append_rows(table, new, available_at="known")
        assert (found.added, found.replaced) == (0, 1)
        assert found.table["wind"].tolist() == [1.0, 9.0, 3.0]

    def test_an_actual_fills_in_every_vintage(self, table: pd.DataFrame) -> None:
        new = rows(timestamp=["2026-01-02 00:00", "2026-01-02 01:00"], load=[70.0, 80.0])
        found = append_rows(table, new, available_at="known")
        assert (found.added, found.replaced) == (0, 3)
        assert found.table["load"].tolist() == [70.0, 70.0, 80.0]
        assert found.table["known"].tolist() == table["known"].tolist()

    @pytest.mark.parametrize(
        ("stamps", "known", "said"),
        [
            (["2026-01-01 00:00"], ["2026-01-01 00:00"], "no stamp the dataset has"),
            (["2026-01-02 00:00"] * 2, ["2026-01-01 12:00"] * 2, "twice for one vintage"),
        ],
    )
    def test_rows_without_a_place(
        self, table: pd.DataFrame, stamps: list[str], known: list[str], said: str
    ) -> None:
        new = rows(timestamp=stamps, known=known, wind=[1.0] * len(stamps))
        with pytest.raises(InputError, match=said) as caught:
            append_rows(table, new, available_at="known")
        assert caught.value.issues[0].row == len(stamps)

    def test_the_column_must_be_there(self, table: pd.DataFrame) -> None:
        with pytest.raises(InputError, match="no column 'issued'"):
            append_rows(table, rows(timestamp=["2026-01-03"]), available_at="issued")

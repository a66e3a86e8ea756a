"""The inspection of a table over HTTP."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

# As in `autopq.data`, which takes long to import: these schemas are the client's as well.
ColumnKind = Literal["number", "time", "boolean", "text", "empty"]
StampKind = Literal["naive", "offset", "zone"]


class Column(BaseModel):
    """One column of a table."""

    name: str
    kind: ColumnKind
    missing: int = Field(description="Empty cells.")
    example: str | None = Field(description="The first value, as text.")


class Inspection(BaseModel):
    """A table at first sight, before a task is known. What could not be recognised is null."""

    model_config = ConfigDict(extra="allow")

    rows: int
    columns: list[Column]
    timestamp: str | None = Field(description="The column taken for the time.")
    item_id: str | None = Field(description="The column taken for the series.")
    series: int
    start: str | None
    end: str | None
    stamps: StampKind | None = Field(description="How the stamps are written.")
    timezone: str | None = Field(description="Zone that the stamps themselves say.")
    freq: str | None = Field(description="The commonest step, such as `h` or `15min`.")
    duplicates: int = Field(description="Stamps that appear again within their series.")
    unordered: int = Field(description="Rows before which the clock runs backwards.")
    gaps: int = Field(description="Places where more than one step passes between two rows.")

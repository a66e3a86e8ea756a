"""Tables that a request refers to or brings along."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.datasets.schemas import Version


class TableReference(BaseModel):
    """A table: an uploaded dataset, or a small one given column by column."""

    model_config = ConfigDict(extra="forbid")

    dataset_id: str | None = Field(None, max_length=64)
    version: Version | None = Field(None, description="Of the dataset; the newest by default.")
    columns: dict[str, list[Any]] | None = Field(
        None, description="Column name to values, all of one length; stamps as ISO 8601 text."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> "TableReference":
        if (self.dataset_id is None) == (self.columns is None):
            raise ValueError("give either `dataset_id` or `columns`")
        if self.version is not None and self.dataset_id is None:
            raise ValueError("only a dataset has a `version`")
        return self

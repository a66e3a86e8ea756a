"""What a reader of a forecast asks for: levels, series and a form."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from fastapi import Header, Query, Response

from app.core.errors import NotAcceptableError, invalid
from app.forecasts import export
from autopq.forecast import Forecast
from autopq.task import MAX_LEVELS

Format = Literal["json", "csv", "parquet", "arrow"]

MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
}
_RANGES: dict[str, Format] = {"*/*": "json", "application/*": "json", "text/*": "csv"}
_BY_MEDIA_TYPE = {media_type: form for form, media_type in MEDIA_TYPES.items()} | _RANGES

Levels = Annotated[
    str | None,
    Query(
        description=f"Up to {MAX_LEVELS} levels in (0, 1), separated by commas; the job's "
        "`quantile_levels` by default.",
        examples=["0.05,0.5,0.95"],
    ),
]
Items = Annotated[
    list[str] | None,
    Query(alias="item_id", max_length=1000, description="Series to show; all by default."),
]
AskedFormat = Annotated[
    Format | None, Query(alias="format", description="Form of the answer; goes before `Accept`.")
]
Accept = Annotated[str, Header(include_in_schema=False)]


def rendered(model: type[Any]) -> dict[int | str, dict[str, Any]]:
    """`responses=` of an endpoint that answers with a table in any of the forms."""
    files = {"csv": {"type": "string"}}
    return {
        200: {
            "model": model,
            "content": {
                MEDIA_TYPES[form]: {
                    "schema": files.get(form, {"type": "string", "format": "binary"})
                }
                for form in ("csv", "parquet", "arrow")
            },
        }
    }


def chosen_format(asked: Format | None, accept: str) -> Format:
    """`format`, or the first that is offered of the `Accept` header. Raises NotAcceptableError."""
    if asked is not None:
        return asked
    for part in accept.split(","):
        media_type = part.split(";")[0].strip().lower()
        if media_type in _BY_MEDIA_TYPE:
            return _BY_MEDIA_TYPE[media_type]
    raise NotAcceptableError(f"None of '{accept}' is offered; JSON, CSV, Parquet and Arrow are.")


def file_of(content: bytes, form: Format, name: str, tag: str) -> Response:
    """A table in the form that was chosen; what is no JSON is named as a file."""
    headers = {"ETag": tag}
    if form != "json":
        headers["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return Response(content, media_type=MEDIA_TYPES[form], headers=headers)


def chosen_levels(text: str | None, default: Iterable[float]) -> list[float]:
    """The levels asked for. Raises InvalidRequestError."""
    if text is None:
        return distinct(default)
    field, mend = "quantile_levels", "Give numbers between 0 and 1, such as 0.1,0.5,0.9."
    parts = [part for part in text.split(",") if part.strip()]
    if not 1 <= len(parts) <= MAX_LEVELS:
        raise invalid(
            field, f"{len(parts)} levels were given.", f"Give between 1 and {MAX_LEVELS} levels."
        )
    try:
        levels = distinct(float(part) for part in parts)
    except ValueError as error:
        raise invalid(field, "a level is not a number.", mend) from error
    outside = [level for level in levels if not 0 < level < 1]
    if outside:
        raise invalid(field, f"level {outside[0]:g} is outside (0, 1).", mend)
    return levels


def distinct(levels: Iterable[float]) -> list[float]:
    """Ascending levels of six significant digits, which is what columns are named by."""
    return sorted({float(f"{level:g}") for level in levels})


def chosen_items(forecast: Forecast, items: Sequence[str] | None) -> Forecast:
    """The forecast of the series asked for. Raises InvalidRequestError for an unknown one."""
    if items is None:
        return forecast
    try:
        return export.select(forecast, items)
    except KeyError as error:
        raise invalid(
            "item_id",
            f"the forecast has no series {error}.",
            f"Choose from its series, such as '{forecast.item_ids[0]}'.",
        ) from error

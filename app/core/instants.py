"""Points in time that requests name."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_STAMP = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}.*", re.ASCII)


def _day(value: Any) -> Any:
    """Numbers, too, would be taken for days since 1970."""
    if not isinstance(value, date) and not (isinstance(value, str) and _DATE.fullmatch(value)):
        raise ValueError("write a date like 2026-01-31")
    return value


def _stamp(value: Any) -> Any:
    """Numbers, too, would be taken for seconds since 1970."""
    if not isinstance(value, datetime) and not (isinstance(value, str) and _STAMP.match(value)):
        raise ValueError("write a time like 2026-01-31T13:00:00Z")
    return value


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("this is no time of our calendar") from error


# With an offset or `Z`, as RFC 3339 has it.
Instant = Annotated[AwareDatetime, BeforeValidator(_stamp), AfterValidator(_utc)]
Day = Annotated[date, BeforeValidator(_day)]

"""Points in time that requests name."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("this is no time of our calendar") from error


# With an offset or `Z`, as RFC 3339 has it.
Instant = Annotated[AwareDatetime, AfterValidator(_utc)]

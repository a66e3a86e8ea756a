"""`RequestBody`: what every JSON request body has in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from app.core.errors import invalid


class RequestBody(BaseModel):
    """A JSON body whose members are all known and whose texts can be stored as Unicode."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _encodable(cls, value: Any) -> Any:
        """JSON can escape half a surrogate pair, which no file and no database takes."""
        waiting = [("body", value)]
        while waiting:
            where, found = waiting.pop()
            if isinstance(found, str):
                _check(where, found)
            elif isinstance(found, list):
                waiting.extend((where, item) for item in found)
            elif isinstance(found, dict):
                for name, item in found.items():
                    _check(where, name)
                    waiting.append((name if where == "body" else f"{where}.{name}", item))
        return value


def _check(where: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise invalid(
            where, "a text holds half a surrogate pair.", "Send text that is valid Unicode."
        ) from error

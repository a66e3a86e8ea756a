"""Training methods as the command line writes them: `forecaster=backprop,f3:feedback=identity`."""

import json
import re
from typing import Any

import typer

from autopq.training_plan import STAGES

SYNTAX = "STAGE=NAME[:OPTION=VALUE,…][,NAME…]"

# Commas inside brackets belong to a value.
_COMMA = re.compile(r",(?![^\[]*\])")
_PART = re.compile(r"(?:(?P<name>\w+)(?::(?=.)|$))?(?:(?P<option>\w+)=(?P<value>.+))?")
_RANKS = "ranks"

Chosen = str | dict[str, Any]


def methods_by_stage(values: list[str] | None) -> dict[str, list[Chosen]] | None:
    """`training_methods` of a task's config, from texts for one stage each.

    Options follow a method's name behind a colon; `ranks` among them is its number of processes.
    Values are JSON, or text where they are none. Raises typer.BadParameter.
    """
    stages: dict[str, list[Chosen]] = {}
    for text in values or []:
        stage, _, listed = text.partition("=")
        parts = [part.strip() for part in _COMMA.split(listed) if part.strip()]
        if stage.strip() not in STAGES or not parts:
            raise _unreadable(text)
        stages.setdefault(stage.strip(), []).extend(_methods(parts, text))
    return stages or None


def _methods(parts: list[str], text: str) -> list[Chosen]:
    """A part with a name opens a method; one with an option alone belongs to the latest."""
    found: list[tuple[str, dict[str, Any]]] = []
    for part in parts:
        read = _PART.fullmatch(part)
        if read is None or not (read["name"] or found):
            raise _unreadable(text)
        if read["name"]:
            found.append((read["name"], {}))
        if read["option"]:
            found[-1][1][read["option"]] = _value(read["value"])
    return [_choice(name, options) for name, options in found]


def _choice(name: str, options: dict[str, Any]) -> Chosen:
    if not options:
        return name
    ranks = {_RANKS: options.pop(_RANKS)} if _RANKS in options else {}
    return {"name": name, **ranks, "options": options}


def _value(text: str) -> Any:
    try:
        # NaN and Infinity are no JSON, though Python reads them.
        return json.loads(text, parse_constant=str)
    except ValueError:
        return text


def _unreadable(text: str) -> typer.BadParameter:
    return typer.BadParameter(
        f"'{text}' does not read like forecaster=backprop,f3 or "
        f"forecaster=f3:feedback=identity,ranks=2 (stages: {', '.join(STAGES)})",
        param_hint="--training-method",
    )

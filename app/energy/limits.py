"""Limits of a task that are less than any such job takes are refused before it is queued."""

from collections.abc import Mapping
from typing import Any

from app.core.database import ReadSession
from app.core.errors import invalid
from app.energy import service
from app.energy.schemas import Estimate

_LIMITS = (
    ("energy_limit_wh", "minimum_energy_wh", "Wh"),
    ("time_limit", "minimum_seconds", "seconds"),
)


def check(session: ReadSession, config: Mapping[str, Any], rows: int) -> None:
    """Raises InvalidRequestError, which names the minimum."""
    if any(config.get(limit) is not None for limit, *_ in _LIMITS):
        check_against(config, service.estimate_of(session, config, rows))


def check_against(config: Mapping[str, Any], estimate: Estimate) -> None:
    """Jobs of other settings say too little to refuse one."""
    if estimate.basis == "same_preset":
        return
    for limit, name, unit in _LIMITS:
        given, minimum = config.get(limit), getattr(estimate, name)
        if given is not None and minimum is not None and given < minimum:
            raise invalid(
                limit,
                f"{given:.3g} {unit} are less than the {minimum:.3g} that preparing, the reference "
                f"rows, their scores and calibration take, going by {estimate.jobs} such jobs.",
                f"Allow {minimum:.3g} {unit} or more, or give no limit.",
            )

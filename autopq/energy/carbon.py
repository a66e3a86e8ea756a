"""Carbon factors of the electricity grid, from the table that CodeCarbon carries."""

import json
from functools import cache
from importlib import resources
from importlib.metadata import version
from typing import Any

from autopq.errors import InputError, Issue


def carbon_intensity(country_iso_code: str) -> tuple[float, str]:
    """The country's yearly mean in g CO2e per kWh, and where the figure comes from.

    Raises InputError for an unknown country.
    """
    country = _energy_mix().get(country_iso_code.upper())
    if not isinstance(country, dict) or "carbon_intensity" not in country:
        raise InputError(
            Issue(
                "country_iso_code",
                f"no carbon factor is known for '{country_iso_code}'.",
                "Give an ISO 3166 alpha-3 code such as 'DEU', or the factor itself.",
            )
        )
    source = f"yearly mean {country.get('year', '')}, codecarbon {version('codecarbon')}"
    return float(country["carbon_intensity"]), source


@cache
def _energy_mix() -> dict[str, Any]:
    table = resources.files("codecarbon") / "data" / "private_infra" / "global_energy_mix.json"
    mix: dict[str, Any] = json.loads(table.read_text(encoding="utf-8"))
    return mix

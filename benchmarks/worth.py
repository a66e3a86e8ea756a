"""Is more effort worth its electricity? From one preset to the next, on real series.

    python -m benchmarks.worth --data DIR --out DIR [--sets a,b] [--cheap default] [--dear advanced]

Fits every series with both presets as `benchmarks.accuracy` does (choices are made on the first
80 % of the rows, scores are of every midnight of the rest), and prints for each series, and for all
together: the electricity of both, dE; the loss of CRPS in per cent; kWh for each per cent; and the
break-even count N = dE x price / (value x dCRPS), where `--value` is what one forecast is worth
more for each unit of CRPS less. Without it, N is told for the value at which 365 forecasts pay.
"""

import argparse
import multiprocessing
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from autopq.energy.worth import break_even
from autopq.task import Preset
from benchmarks.accuracy import run
from benchmarks.series import KNOWN

SERIES = ("load-bw", "price")
A_YEAR = 365


def compare(
    cheap: dict[str, Any], dear: dict[str, Any], price: float, value: float | None
) -> dict[str, Any]:
    """A row of the table, from one series' rows of both presets."""
    energy_wh = dear["energy_wh"] - cheap["energy_wh"]
    gain = cheap["crps"] - dear["crps"]
    percent = 100 * gain / cheap["crps"]
    row = {
        "set": cheap["set"],
        "kwh_cheap": cheap["energy_wh"] / 1000,
        "kwh_dear": dear["energy_wh"] / 1000,
        "kwh_more": energy_wh / 1000,
        "crps_cheap": cheap["crps"],
        "crps_dear": dear["crps"],
        "gain_%": percent,
        "kwh_per_%": energy_wh / 1000 / percent if percent > 0 else float("nan"),
    }
    if value is None:
        pays = energy_wh / 1000 * price / (gain * A_YEAR) if gain > 0 else float("inf")
        return row | {f"value_for_{A_YEAR}": pays}
    return row | {"break_even": break_even(energy_wh, price, gain, value)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of CSV files")
    parser.add_argument("--out", type=Path, required=True, help="folder for forecasts and table")
    parser.add_argument("--sets", default=",".join(SERIES), help="comma-separated series")
    parser.add_argument("--cheap", default="default", choices=get_args(Preset))
    parser.add_argument("--dear", default="advanced", choices=get_args(Preset))
    parser.add_argument("--price", type=float, default=0.30, help="of a kWh")
    parser.add_argument("--value", type=float, help="of a forecast, for a unit of CRPS less")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    known = {series.name: series for series in KNOWN}
    unknown = set(options.sets.split(",")) - set(known)
    if unknown:
        parser.error(f"unknown series {sorted(unknown)}; known: {sorted(known)}")
    options.out.mkdir(parents=True, exist_ok=True)
    fresh = multiprocessing.get_context("spawn")
    rows = []
    for name in options.sets.split(","):
        found = []
        for preset in (options.cheap, options.dear):
            with fresh.Pool(1) as pool:
                arguments = (known[name], options.data, options.out, preset, options.seed)
                found.append(pool.apply(run, arguments))
        rows.append(compare(*found, options.price, options.value))
        print(pd.DataFrame(rows[-1:]).to_string(index=False, float_format="%.4g"), flush=True)
    table = pd.DataFrame(rows)
    table.to_csv(options.out / f"worth-{options.cheap}-{options.dear}.csv", index=False)
    together = table["kwh_more"].sum()
    percent = table["gain_%"].mean()
    print(f"\n{options.cheap} to {options.dear}: {together:.4g} kWh more on {len(table)} series, ")
    print(f"mean gain {percent:.3g} %, {together / len(table) / percent:.4g} kWh a per cent")


if __name__ == "__main__":
    main()

"""Is more effort worth its electricity? From one preset to the next, on real series.

    python -m benchmarks.worth --data DIR --out DIR [--sets a,b] [--cheap default] [--dear advanced]

Fits every series with both presets as `benchmarks.accuracy` does (choices are made on the first
80 % of the rows, scores are of every midnight of the rest), and tells of each series, and of all
together: the electricity of both, dE; the loss of CRPS in per cent; kWh for each per cent; and the
break-even count N = dE x price / (value x dCRPS), where `--value` is what one forecast is worth
more for each unit of CRPS less. Without it, the value is told at which 365 forecasts pay.

Every fit is printed once it has ended and added to `worth-CHEAP-DEAR.json`, so that a run that is
cut off has told all it had; the table comes last, as Markdown too.
"""

import argparse
import json
import multiprocessing
from pathlib import Path
from statistics import fmean
from typing import Any, get_args

from autopq.energy.worth import break_even
from autopq.task import Preset
from benchmarks.accuracy import run
from benchmarks.series import KNOWN
from benchmarks.service import machine

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


def markdown(rows: list[dict[str, Any]]) -> str:
    """The table, four digits a figure."""
    lines = [list(rows[0]), ["---"] * len(rows[0])]
    lines += [[v if isinstance(v, str) else f"{v:.4g}" for v in row.values()] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def together(rows: list[dict[str, Any]], cheap: str, dear: str) -> str:
    """What all series say: kWh for a per cent, where there is one to gain."""
    more = fmean(row["kwh_more"] for row in rows)
    percent = fmean(row["gain_%"] for row in rows)
    told = f"{more / percent:.4g} kWh for each per cent" if percent > 0 else "nothing was gained"
    return f"{cheap} to {dear}, a mean series: {more:.4g} kWh more, {percent:.3g} % gained; {told}"


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
    rows: list[dict[str, Any]] = []
    fits: list[dict[str, Any]] = []
    file = options.out / f"worth-{options.cheap}-{options.dear}.json"

    def tell(told: list[dict[str, Any]], one: dict[str, Any]) -> None:
        told.append(one)
        print(json.dumps(one), flush=True)
        found = {"machine": machine(), "fits": fits, "rows": rows}
        file.write_text(json.dumps(found, indent=1))

    for name in options.sets.split(","):
        for preset in (options.cheap, options.dear):
            with fresh.Pool(1) as pool:
                arguments = (known[name], options.data, options.out, preset, options.seed)
                tell(fits, {"preset": preset} | pool.apply(run, arguments))
        tell(rows, compare(*fits[-2:], options.price, options.value))
    print(f"\n{markdown(rows)}\n\n{together(rows, options.cheap, options.dear)}")


if __name__ == "__main__":
    main()

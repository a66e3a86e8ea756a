"""What each change to the published method bought: the rows of one fit, scored on the same days.

    python -m benchmarks.ablation --data DIR [--sets a,b] [--seeds N] [--out FILE]

Every series is fitted once a seed with all quantile models side by side, on the same point
forecasters, and the last 20 % of its rows are scored. The table gives mean pinball losses relative
to the published variant (`cinn_published`), one row a variant, and their geometric mean, and the
share of targets inside the 90 % intervals. The row that is kept stands as it is kept: after the
correction by its own latest errors. It should be ahead of the residual baseline, with a coverage
of 0.75 to 0.95: a last line a series says whether it is.
"""

import argparse
import multiprocessing
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.series import KNOWN, TEST_FRACTION, Series

PUBLISHED, BASELINE, KEPT = "cinn_published", "residual", "ensemble"
LEAST_HELD, MOST_HELD = 0.75, 0.95
VARIANTS = {
    PUBLISHED: "as published: target flow, one latent point disturbed in proportion",
    "cinn_additive": "the same flow, disturbed by an amount",
    "cinn_residual": "a flow on the errors of out-of-fold forecasts, drawn from its prior",
    BASELINE: "no flow: quantiles of the validation errors",
    "lightgbm_quantile": "no point forecast: boosted trees a quantile level",
    "mlp_quantile": "no point forecast: a network with an output a quantile level",
    "mlp_season_quantile": "no point forecast: a network that sees and forecasts a day at once",
    KEPT: "the average that is kept",
}


def run(series: Series, data: Path, seed: int) -> dict[str, tuple[float, float]]:
    """Test loss and coverage of each variant's best row by validation."""
    from autopq import AutoPQ
    from benchmarks.product import read_table, task

    models = tuple(name for name in VARIANTS if name != KEPT)
    config = task(series, seed, quantile_models=models, test_fraction=TEST_FRACTION, refit=False)
    found: dict[str, tuple[float, float]] = {}
    for row in AutoPQ(config).fit(read_table(series, data)).leaderboard:  # best first
        if row.error is None and row.quantile_model in VARIANTS:
            scores = (row.test["mean_pinball"], row.test["coverage_90"])
            found.setdefault(row.quantile_model, scores)
    return found


def verdict(losses: pd.Series, coverage: pd.Series) -> str:
    """Whether a series meets the target, from its columns of both tables."""
    ratio, held = losses[KEPT] / losses[BASELINE], coverage[KEPT]
    met = ratio < 1 and LEAST_HELD <= held <= MOST_HELD
    return f"{ratio:.3f} of the residual baseline, cov90 {held:.3f}: {'met' if met else 'MISSED'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of CSV files")
    parser.add_argument("--sets", help="comma-separated series; all there are by default")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, help="CSV file of the losses")
    options = parser.parse_args()
    wanted = options.sets.split(",") if options.sets else [series.name for series in KNOWN]
    rows = []
    fresh = multiprocessing.get_context("spawn")
    for series in KNOWN:
        if series.name not in wanted or not (options.data / f"{series.name}.csv").exists():
            continue
        for seed in range(options.seeds):
            with fresh.Pool(1) as pool:
                found = pool.apply(run, (series, options.data, seed))
            rows += [(series.name, seed, name, *scores) for name, scores in found.items()]
            print(series.name, seed, found, flush=True)
    if not rows:
        parser.error(f"no known series in {options.data}")
    table = pd.DataFrame(rows, columns=["set", "seed", "variant", "mpl", "cov90"])
    if options.out is not None:
        table.to_csv(options.out, index=False)
    order = [name for name in VARIANTS if name in set(table["variant"])]
    mean, coverage = (
        table.pivot_table(index="variant", columns="set", values=value, sort=False).reindex(order)
        for value in ("mpl", "cov90")
    )
    relative = mean / mean.loc[PUBLISHED]
    relative["geometric mean"] = np.exp(np.log(relative).mean(axis=1))
    relative.insert(0, "what it is", [VARIANTS[name] for name in relative.index])
    print()
    print(relative.to_string(float_format="%.3f"))
    print("\ncov90:")
    print(coverage.to_string(float_format="%.3f"))
    for name in mean:
        print(f"{name}: {verdict(mean[name], coverage[name])}")


if __name__ == "__main__":
    main()

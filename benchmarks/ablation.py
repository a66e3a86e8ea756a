"""What each change to the published method bought: the rows of one fit, scored on the same days.

    python -m benchmarks.ablation --data DIR [--sets a,b] [--seeds N] [--out FILE]

Every series is fitted once a seed with all quantile models side by side, on the same point
forecasters, and the last 20 % of its rows are scored. The table gives mean pinball losses relative
to the published variant (`cinn_published`), one row a variant, and their geometric mean. The row
that is kept stands as it is kept: after the correction by its own latest errors.
"""

import argparse
import multiprocessing
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.series import KNOWN, TEST_FRACTION, Series

PUBLISHED = "cinn_published"
VARIANTS = {
    PUBLISHED: "as published: target flow, one latent point disturbed in proportion",
    "cinn_additive": "the same flow, disturbed by an amount",
    "cinn_residual": "a flow on the errors of out-of-fold forecasts, drawn from its prior",
    "residual": "no flow: quantiles of the validation errors",
    "lightgbm_quantile": "no point forecast: boosted trees a quantile level",
    "mlp_quantile": "no point forecast: a network with an output a quantile level",
    "ensemble": "the average that is kept",
}


def run(series: Series, data: Path, seed: int) -> dict[str, float]:
    """Test loss of each variant's best row by validation."""
    from autopq import AutoPQ
    from benchmarks.product import read_table, task

    models = tuple(name for name in VARIANTS if name != "ensemble")
    config = task(series, seed, quantile_models=models, test_fraction=TEST_FRACTION, refit=False)
    losses: dict[str, float] = {}
    for row in AutoPQ(config).fit(read_table(series, data)).leaderboard:  # best first
        if row.error is None and row.quantile_model in VARIANTS:
            losses.setdefault(row.quantile_model, row.test["mean_pinball"])
    return losses


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
                losses = pool.apply(run, (series, options.data, seed))
            rows += [(series.name, seed, name, loss) for name, loss in losses.items()]
            print(series.name, seed, losses, flush=True)
    table = pd.DataFrame(rows, columns=["set", "seed", "variant", "mpl"])
    if options.out is not None:
        table.to_csv(options.out, index=False)
    mean = table.pivot_table(index="variant", columns="set", values="mpl", sort=False)
    relative = (mean / mean.loc[PUBLISHED]).reindex(
        [name for name in VARIANTS if name in mean.index]
    )
    relative["geometric mean"] = np.exp(np.log(relative).mean(axis=1))
    relative.insert(0, "what it is", [VARIANTS[name] for name in relative.index])
    print()
    print(relative.to_string(float_format="%.3f"))


if __name__ == "__main__":
    main()

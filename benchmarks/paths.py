"""What the dependence between steps is worth: paths of one model, with the same marginals.

    python -m benchmarks.paths --data DIR [--sets a,b] [--seed N] [--out FILE]

For each series the product is fitted as in `benchmarks.accuracy`. Paths of every midnight of the
rest are then drawn four ways, all moved onto the model's own marginals: steps drawn independently,
in the order of a flow's paths (`cinn_residual`), in the order of validation windows' ranks
(`mlp_quantile`), and as the model itself answers. Scores are the energy score and the pinball
losses of the day's sum, peak and largest ramp, relative to independent steps.
"""

import argparse
import multiprocessing
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.series import HORIZON, KNOWN, Series, first_test_row, origins

PATHS = 200
INDEPENDENT = "independent"


def run(series: Series, data: Path, seed: int) -> list[dict[str, object]]:
    """A row of scores for each way of drawing."""
    from autopq import AutoPQ
    from autopq.data.audit import audit
    from autopq.evaluation.path_scores import AGGREGATES, aggregate_pinball, energy_scores
    from autopq.members import with_marginals
    from benchmarks.product import read_table, task

    table = read_table(series, data)
    at = origins(series.read(data))
    config = task(series, seed, preset="default", test_fraction=0.0)
    model = AutoPQ(config).fit(table.iloc[: first_test_row(len(table))]).model
    panel, _ = audit(table, config)
    windows = panel.windows([at], HORIZON)
    quantiles = model.quantiles(windows)
    rng = np.random.default_rng(seed)
    orders = {INDEPENDENT: rng.random((len(at), PATHS, HORIZON))}
    for place, member in enumerate(model.members):  # each is of another kind
        order = member.quantile_model.sample(windows, member.points(windows, config), PATHS, rng)
        orders[member.quantile_model.name] = order
        if place == 0:
            orders["the model's answer"] = order
    truth = windows.target()
    rows: list[dict[str, object]] = []
    for name, order in orders.items():
        paths = with_marginals(order, quantiles).astype(np.float64)
        row: dict[str, object] = {"set": series.name, "order": name}
        row["energy_score"] = float(energy_scores(truth, paths).mean())
        for how in AGGREGATES:
            row[how] = float(aggregate_pinball(truth, paths, how, HORIZON).mean())
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of CSV files")
    parser.add_argument("--sets", help="comma-separated series; all there are by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="CSV file of the scores")
    options = parser.parse_args()
    wanted = options.sets.split(",") if options.sets else [series.name for series in KNOWN]
    rows = []
    fresh = multiprocessing.get_context("spawn")
    for series in KNOWN:
        if series.name in wanted and (options.data / f"{series.name}.csv").exists():
            with fresh.Pool(1) as pool:
                rows += pool.apply(run, (series, options.data, options.seed))
            print(series.name, "done", flush=True)
    table = pd.DataFrame(rows).set_index(["set", "order"])
    if options.out is not None:
        table.to_csv(options.out)
    relative = table / table.xs(INDEPENDENT, level="order").reindex(table.index, level="set")
    mean = np.exp(np.log(relative).groupby("order", sort=False).mean())
    mean["series"] = relative.groupby("order", sort=False).size()
    print()
    print(mean.to_string(float_format="%.3f"))


if __name__ == "__main__":
    main()

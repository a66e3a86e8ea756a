"""Several sites beside each other: `python examples/many_sites.py load.csv`.

The asynchronous client submits a job a site and waits for all of them at once. The sites here are
the one table at three scales; the service runs at `AUTOPQ_URL`.
"""

import asyncio
import os
import sys

import pandas as pd

from app.client import DEFAULT_URL, AsyncClient

TASK = {
    "horizon": 6,
    "preset": "fast",
    "forecasters": ["seasonal_naive"],
    "quantile_models": ["residual"],
}


async def main(table: pd.DataFrame) -> None:
    sites = {f"site-{scale}": table.assign(y=scale * table["y"]) for scale in (1, 2, 3)}
    async with AsyncClient(os.environ.get("AUTOPQ_URL", DEFAULT_URL)) as client:
        forecasts = await asyncio.gather(
            *(client.forecast(site, config=TASK, quantile_levels=[0.5]) for site in sites.values())
        )
    medians = pd.concat([f["0.5"] for f in forecasts], axis=1, keys=list(sites))
    print(medians.round(1).to_string(index=False))


frame = pd.read_csv(sys.argv[1]).dropna()
asyncio.run(main(pd.DataFrame({"ds": frame["timestamp"], "y": frame["load"]})))

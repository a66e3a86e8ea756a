"""A day in operation: `python examples/daily_operation.py load.csv`.

Fit once and promote the model; then, whenever rows have arrived, append them and forecast from the
newest, without fitting. The table has `timestamp`, `load` and a `temperature` that is known ahead;
the service runs at `AUTOPQ_URL`.
"""

import os
import sys

import pandas as pd

from app.client import DEFAULT_URL, Client

TASK = {
    "target": "load",
    "known_covariates": ["temperature"],
    "timezone": "Europe/Berlin",
    "preset": "fast",
    "forecasters": ["seasonal_naive"],
    "quantile_models": ["residual"],
}
DAY = 24

table = pd.read_csv(sys.argv[1])
known = table[table["load"].notna()]
past, today = known.iloc[:-DAY], known.iloc[-DAY:]
tomorrow = table[table["load"].isna()].drop(columns="load")

with Client(os.environ.get("AUTOPQ_URL", DEFAULT_URL)) as client:
    dataset = client.upload_dataset(past, name="load")
    job = client.wait(client.submit_job(dataset.id, TASK, model_name="load").id)
    client.promote_model(str(job.model_id), "production")

    # Next morning, in another process: today's rows are there, and tomorrow's weather.
    version = client.append_rows(dataset.id, today)
    asked = client.create_forecast("load@production", today, tomorrow, paths=500)
    by_hour = client.read_forecast(asked.id, [0.1, 0.5, 0.9])
    peak = client.aggregates(asked.id, "max", "day", [0.5, 0.95])

print(f"dataset version {version.version} has {version.rows} rows")
print(by_hour.head().to_string(index=False))
print("peak of the day:")
print(peak.to_string(index=False))

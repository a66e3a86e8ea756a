"""Three lines from a table to a forecast: `python examples/first_forecast.py load.csv`.

The table needs a column of time stamps and the column `load`; the service runs at `AUTOPQ_URL`.
"""

import os
import sys

import pandas as pd

from app.client import DEFAULT_URL, Client

df = pd.read_csv(sys.argv[1])[["timestamp", "load"]].dropna()

with Client(os.environ.get("AUTOPQ_URL", DEFAULT_URL)) as client:
    forecast = client.forecast(df, horizon=24, preset="fast", progress=True)

print(forecast[["timestamp", "0.05", "0.5", "0.95"]].to_string(index=False))

"""`autopq forecasts`."""

from typing import Annotated

import typer

from app.cli import output
from app.cli.connection import AsJson, Limit, Url, connected
from app.client import DEFAULT_URL

app = typer.Typer(help="List, read and delete forecasts.", no_args_is_help=True)

ForecastId = Annotated[str, typer.Argument(metavar="FORECAST", help="Id of a forecast.")]
LevelsOption = Annotated[
    str | None, typer.Option(help="Levels such as 0.1,0.5,0.9; the job's by default.")
]


@app.command("list")
def list_(
    model: Annotated[str | None, typer.Option(help="By this model's id only.")] = None,
    limit: Limit = 20,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """The newest forecasts."""
    with connected(url) as client:
        found = client.forecasts(model_id=model, limit=limit).items
        output.show(found, output.forecasts_table, as_json)


@app.command()
def show(
    forecast_id: ForecastId, quantile_levels: LevelsOption = None, url: Url = DEFAULT_URL
) -> None:
    """A forecast's quantiles as CSV."""
    levels = output.levels(quantile_levels)
    with connected(url) as client:
        output.write_csv(client.read_forecast(forecast_id, levels))


@app.command()
def aggregate(
    forecast_id: ForecastId,
    measure: Annotated[str, typer.Option(help="sum, mean, max, min or ramp.")] = "sum",
    window: Annotated[str, typer.Option(help="day or horizon.")] = "day",
    quantile_levels: LevelsOption = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Quantiles of day sums, peaks or ramps as CSV."""
    levels = output.levels(quantile_levels)
    with connected(url) as client:
        output.write_csv(client.aggregates(forecast_id, measure, window, levels))


@app.command()
def delete(forecast_id: ForecastId, url: Url = DEFAULT_URL) -> None:
    """Remove a finished forecast."""
    with connected(url) as client:
        client.delete_forecast(forecast_id)
        output.note(f"forecast {forecast_id} is deleted")

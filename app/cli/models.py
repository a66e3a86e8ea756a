"""`autopq models`."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli import output
from app.cli.connection import AsJson, Limit, Url, connected
from app.client import DEFAULT_URL

app = typer.Typer(help="List, download, promote and delete models.", no_args_is_help=True)

Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="Id, or name@alias, name@version, name@latest.")
]


@app.command("list")
def list_(
    name: Annotated[str | None, typer.Option(help="Of this name only.")] = None,
    alias: Annotated[str | None, typer.Option(help="With this alias only.")] = None,
    limit: Limit = 20,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """The newest models."""
    with connected(url) as client:
        found = client.models(name=name, alias=alias, limit=limit).items
        output.show(found, output.models_table, as_json)


@app.command()
def show(model: Model, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """One model."""
    with connected(url) as client:
        found = client.model(model)
        output.show(found, lambda one: output.models_table([one]), as_json)


@app.command()
def download(
    model: Model,
    file: Annotated[Path, typer.Option("--output", help="ZIP file to write.")] = Path("model.zip"),
    url: Url = DEFAULT_URL,
) -> None:
    """Write a model's files, which the library loads, as one ZIP."""
    with connected(url) as client:
        client.download_model(model, file)
        output.note(f"{file.stat().st_size} bytes written to {file}")


@app.command()
def promote(
    model: Model,
    alias: Annotated[str, typer.Argument(help="Such as production.")],
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Let name@ALIAS mean this model from now on."""
    with connected(url) as client:
        found = client.promote_model(model, alias)
        output.show(found, lambda one: output.models_table([one]), as_json)


@app.command()
def update(model: Model, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Queue a job that takes the model to the newest rows of its dataset, without a search."""
    with connected(url) as client:
        output.show(client.update_model(model), output.job_table, as_json)


@app.command()
def monitoring(
    model: Model,
    actuals: Annotated[
        Path | None, typer.Option(help="Table of actuals; else what was appended to the dataset.")
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """How past forecasts did against what came, week by week, and whether they drift."""
    with connected(url) as client:
        output.show(client.monitoring(model, actuals), output.monitoring_table, as_json)


@app.command()
def delete(model: Model, url: Url = DEFAULT_URL) -> None:
    """Remove a model and its files; its forecasts stay."""
    with connected(url) as client:
        client.delete_model(model)
        output.note(f"model {model} is deleted")

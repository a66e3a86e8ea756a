"""`autopq datasets`."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli import output
from app.cli.connection import AsJson, Limit, Url, connected
from app.client import DEFAULT_URL

app = typer.Typer(help="Upload, list, grow and delete tables.", no_args_is_help=True)

DatasetId = Annotated[str, typer.Argument(metavar="DATASET", help="Id of a dataset.")]
File = Annotated[Path, typer.Argument(help="CSV, Parquet or Arrow stream file.")]


@app.command()
def upload(
    file: File,
    name: Annotated[str | None, typer.Option(help="What to call it.")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Send a table."""
    with connected(url) as client:
        output.show(client.upload_dataset(file, name), output.dataset_table, as_json)


@app.command("list")
def list_(
    name: Annotated[str | None, typer.Option(help="Of this name only.")] = None,
    limit: Limit = 20,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """The newest datasets."""
    with connected(url) as client:
        found = client.datasets(name=name, limit=limit).items
        output.show(found, output.datasets_table, as_json)


@app.command()
def show(dataset_id: DatasetId, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """One dataset, and what its columns look like."""
    with connected(url) as client:
        output.show(client.dataset(dataset_id), output.dataset_table, as_json)


@app.command()
def append(
    dataset_id: DatasetId,
    file: File,
    available_at: Annotated[
        str | None, typer.Option(help="Column that tells vintages of one stamp apart.")
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Add rows that arrived since, or fill in what was empty."""
    with connected(url) as client:
        made = client.append_rows(dataset_id, file, available_at=available_at)
        output.show([made], output.versions_table, as_json)


@app.command()
def versions(
    dataset_id: DatasetId, limit: Limit = 20, url: Url = DEFAULT_URL, as_json: AsJson = False
) -> None:
    """The newest versions of a dataset."""
    with connected(url) as client:
        found = client.dataset_versions(dataset_id, limit=limit).items
        output.show(found, output.versions_table, as_json)


@app.command()
def delete(dataset_id: DatasetId, url: Url = DEFAULT_URL) -> None:
    """Remove a dataset and its files; models fitted on it stay."""
    with connected(url) as client:
        client.delete_dataset(dataset_id)
        output.note(f"dataset {dataset_id} is deleted")

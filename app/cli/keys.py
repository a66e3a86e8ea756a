"""`autopq keys`: keys of the local database, without the service."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import output
from app.core.principal import DEFAULT_TENANT, SCOPES, Scope

if TYPE_CHECKING:
    from app.core.database import WriteSession

app = typer.Typer(
    help="Make, list and revoke keys, in the database on this machine.", no_args_is_help=True
)

EXIT_REFUSED = 1

DataDir = Annotated[
    Path | None, typer.Option(help="Data folder of the service; AUTOPQ_DATA_DIR if not given.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scopes: Annotated[
        str, typer.Option(help=f"What it may do, separated by commas: {', '.join(SCOPES)}.")
    ] = "read,submit",
    tenant: Annotated[
        str, typer.Option(help="Whose rows it reaches; made if there is none of that name.")
    ] = DEFAULT_TENANT,
    expires_in_days: Annotated[
        float | None, typer.Option(min=0, max=36500, help="When it ends; never if not given.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it. It is shown only now."""
    from pydantic import ValidationError

    from app.accounts import service
    from app.accounts.schemas import KeyCreate
    from app.core.clock import now

    try:
        request = KeyCreate(
            name=name,
            scopes=_scopes(scopes),
            expires_at=None if expires_in_days is None else now() + timedelta(expires_in_days),
        )
    except ValidationError as error:
        raise typer.BadParameter("; ".join(found["msg"] for found in error.errors())) from error
    with _writing(data_dir) as session:
        owner = service.tenant_named(session, tenant)
        made = service.create_key(session, owner.id, request)
    if as_json:
        output.write_json(made)
    else:
        output.note(f"key {made.id} of tenant {tenant}: {', '.join(made.scopes)}")
        output.out().print(made.key, markup=False)


@app.command("list")
def list_keys(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show every key with its tenant, without its secret."""
    from app.accounts import repository, service

    with _writing(data_dir) as session:
        found = [
            {"tenant": tenant, **service.view(row).model_dump(mode="json")}
            for row, tenant in repository.with_tenants(session)
        ]
    if as_json:
        output.write_json(found)
    else:
        output.out().print(output.keys_table(found))


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="Id of a key: apq_<id>_…")],
    data_dir: DataDir = None,
) -> None:
    """End a key. Requests that come with it from now on are refused."""
    from app.accounts import service
    from app.core.errors import NotFoundError

    with _writing(data_dir) as session:
        try:
            service.revoke(session, key_id)
        except NotFoundError as error:
            output.note(error.detail)
            raise typer.Exit(EXIT_REFUSED) from error
    output.note(f"key {key_id} is revoked")


def _scopes(text: str) -> list[Scope]:
    asked = {part.strip() for part in text.split(",")} - {""}
    unknown = sorted(asked - set(SCOPES))
    if unknown or not asked:
        raise typer.BadParameter(
            f"'{', '.join(unknown) or text}' is none of {', '.join(SCOPES)}", param_hint="--scopes"
        )
    return [scope for scope in SCOPES if scope in asked]


@contextmanager
def _writing(data_dir: Path | None) -> Iterator["WriteSession"]:
    from app.__main__ import ready_database, settings_or_exit

    given = {} if data_dir is None else {"data_dir": data_dir}
    database = ready_database(settings_or_exit(**given))
    try:
        with database.write() as session:
            yield session
    finally:
        database.close()

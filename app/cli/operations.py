"""`autopq config` and `autopq doctor`: what an operator asks before and after a start."""

import os
from pathlib import Path
from typing import Annotated

import typer

from app.cli import output

EXIT_PROBLEM = 1

DataDir = Annotated[
    Path | None, typer.Option(help="Data folder of the service; AUTOPQ_DATA_DIR if not given.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def config(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show every setting of the service: its value now and where that is from."""
    from app.__main__ import settings_or_exit

    given = {} if data_dir is None else {"data_dir": data_dir}
    settings = settings_or_exit(**given)
    effective = settings.effective(given)
    if as_json:
        output.write_json(effective)
    else:
        output.out().print(output.settings_table(effective))


def doctor(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Look for what would keep the service from running, or from running well."""
    from app.__main__ import settings_or_exit
    from app.doctor.checks import examine

    given = {} if data_dir is None else {"data_dir": data_dir}
    found = []
    for diagnosis in examine(settings_or_exit(**given), os.environ):
        found.append(diagnosis)
        if not as_json:
            output.show_diagnosis(diagnosis)
    if as_json:
        output.write_json([diagnosis.as_dict() for diagnosis in found])
    if any(diagnosis.level == "problem" for diagnosis in found):
        raise typer.Exit(EXIT_PROBLEM)

"""`autopq calibrate-energy`: what this machine draws at rest and at full load."""

from typing import Annotated

import typer

from app.cli import output
from app.energy.metering import host_source
from app.settings import Settings
from autopq.energy.calibration import calibrate
from autopq.errors import InputError

EXIT_NO_COUNTER = 1
_QUIET = 0.1


def calibrate_energy(
    seconds: Annotated[
        float, typer.Option(min=1, max=600, help="How long to measure at rest, and under load.")
    ] = 20.0,
) -> None:
    """Measure the CPUs' power at rest and under load, by a counter that only root may read.

    Prints settings for a service that cannot read the counter itself.
    """
    settings = Settings().model_copy(update={"cpu_watts": None, "cpu_idle_watts": None, "pue": 1.0})
    try:
        found = calibrate(host_source(settings), seconds)
    except InputError as error:
        output.note(str(error))
        raise typer.Exit(EXIT_NO_COUNTER) from error
    if found.idle_load > _QUIET:
        output.note(f"{found.idle_load:.0%} of the CPUs were busy while at rest: measure again.")
    typer.echo(f"AUTOPQ_CPU_IDLE_WATTS={found.idle_watts:.1f}")
    typer.echo(f"AUTOPQ_CPU_WATTS={found.full_watts:.1f}")

"""`python -m app.checks.child`: reads and checks tables where a bomb can do no harm.

One JSON document a line on standard input, one answer a line on what was standard output. The
process ends with its parent, because then its input ends.
"""

import hashlib
import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import structlog

from app.checks.sources import TableSource
from app.core.logs import configure_logs
from app.core.plain import plain
from autopq.data.appending import append_rows
from autopq.data.audit import audit, inspect
from autopq.data.limits import TableLimits
from autopq.errors import InputError, Issue
from autopq.forecast import Forecast
from autopq.monitoring import monitor
from autopq.situation import check_request
from autopq.task import TaskConfig

Document = dict[str, Any]

READY = "ready"

log = structlog.get_logger(__name__)


def inspection(request: Document, limits: TableLimits) -> Document:
    table = TableSource.from_dict(request["table"]).read(limits)
    return {"rows": len(table), "inspection": inspect(table).as_dict()}


def audit_for_fit(request: Document, limits: TableLimits) -> Document:
    config = TaskConfig.model_validate(request["config"])
    table = TableSource.from_dict(request["table"]).read(limits)
    _, report = audit(table, config)
    limits.check_series(report.series)
    return {"audit": report.as_dict()}


def append(request: Document, limits: TableLimits) -> Document:
    """Writes the grown table to `output`, as Parquet."""
    table, rows = (TableSource.from_dict(request[role]).read(limits) for role in ("table", "rows"))
    grown = append_rows(table, rows, available_at=request["available_at"])
    limits.check(len(grown.table), len(grown.table.columns), 0)
    output = Path(request["output"])
    grown.table.to_parquet(output, index=False, compression="zstd")
    with output.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "rows": len(grown.table),
        "added": grown.added,
        "replaced": grown.replaced,
        "size_bytes": output.stat().st_size,
        "sha256": digest,
        "inspection": inspect(grown.table).as_dict(),
    }


def check_forecast(request: Document, limits: TableLimits) -> Document:
    history, future = (
        TableSource.from_dict(request[role]).read(limits) if request[role] else None
        for role in ("history", "future")
    )
    return {"series": check_request(Path(request["model"]), history, future)}


def monitor_model(request: Document, limits: TableLimits) -> Document:
    found = monitor(
        (Forecast.load(Path(path), paths=False) for path in request["forecasts"]),
        TableSource.from_dict(request["actuals"]).read(limits),
        TaskConfig.model_validate(request["config"]),
        freq=request["freq"],
        reference=request["reference"],
    )
    return found.as_dict()


TASKS: dict[str, Callable[[Document, TableLimits], Document]] = {
    "inspect": inspection,
    "audit": audit_for_fit,
    "append": append,
    "monitor": monitor_model,
    "forecast": check_forecast,
}


def answer(request: Document) -> Document:
    """`result`, or `issues` of the table, or `failed` for a fault of ours, which the log tells."""
    limits = TableLimits(**request["limits"])
    try:
        return {"result": TASKS[request["task"]](request, limits)}
    except InputError as error:
        issues = error.issues
    except MemoryError:
        issues = (
            Issue(
                "file",
                "the table needs more memory than one upload may use.",
                "Split it, or leave out columns that are not needed.",
            ),
        )
    except Exception as error:
        log.exception("a table check failed", task=request["task"])
        return {"failed": type(error).__name__}
    return {
        "issues": [
            {"field": i.field, "message": i.message, "mend": i.mend, "row": i.row} for i in issues
        ]
    }


def _write(answers: TextIO, line: str) -> None:
    answers.write(line + "\n")
    answers.flush()


def main() -> None:
    memory = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    # Whatever a library prints must not end up between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    configure_logs()
    _write(answers, READY)
    for line in sys.stdin:
        _write(answers, json.dumps(plain(answer(json.loads(line)))))


if __name__ == "__main__":
    main()

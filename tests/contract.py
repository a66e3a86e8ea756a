"""`python -m tests.contract`: holds a running service to its own OpenAPI document.

Schemathesis generates requests that the document allows and others that it forbids, and applies
all of its checks to the answers: no 5xx, no status, header or content that is not documented, what
is allowed accepted and what is forbidden refused. It runs twice: with the ids of a service that has
one of everything, and then, deleting too, with ids that there are not or that answers showed. Ends
with 1 where a check fails, or where fewer requests were made than asked for.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from app.accounts import service as accounts
from app.accounts.schemas import KeyCreate
from app.core.principal import SCOPES
from app.core.schema import open_database
from app.core.storage import Storage
from autopq import AutoPQ, FittedModel, TaskConfig
from autopq.data.example import synthetic_load
from tests.app.conftest import Service
from tests.app.furniture import furnish

TENANT = "default"

# Not all that a schema allows means something: a cursor that never was, a column that a table does
# not have. Such is answered with 422, and nothing else, beside what the check accepts anyway.
CHECKS = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "413", "415", "422", "429", "503"]
"""


def run(url: str, folder: Path, config: Path, *options: str) -> tuple[int, int]:
    """The exit code of Schemathesis and the number of its requests."""
    report = folder / "report.ndjson"
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("--config-file", str(config)),
        *("run", f"{url}/openapi.json", "--checks", "all", "--continue-on-failure"),
        *("--report", "ndjson", "--report-ndjson-path", str(report)),
        *options,
    ]
    done = subprocess.run(command, cwd=folder, check=False)
    return done.returncode, requests_in(report)


def fitted_model() -> FittedModel:
    """The model that the furnished job says it made."""
    task = TaskConfig(
        target="load",
        horizon=2,
        preset="fast",
        forecasters=("seasonal_naive",),
        quantile_models=("residual",),
    )
    table = synthetic_load(np.random.default_rng(0), days=10)
    return AutoPQ(task).fit(table.drop(columns="temperature")).model


def requests_in(report: Path) -> int:
    def count(node: object) -> int:
        if isinstance(node, dict):
            here = isinstance(node.get("request"), dict) and "response" in node
            return here + sum(count(value) for value in node.values())
        return sum(count(value) for value in node) if isinstance(node, list) else 0

    with report.open(encoding="utf-8") as lines:
        return sum(count(json.loads(line)) for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--examples", type=int, default=10, help="Most cases an operation and run.")
    parser.add_argument("--phases", default="examples,coverage,fuzzing,stateful")
    parser.add_argument("--least", type=int, default=2000, help="Fewest requests in all.")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        service = Service(
            folder / "data",
            ready=False,
            supervise=False,
            max_queued_jobs=10**6,
            requests_per_second=10**6,
            requests_at_once=10**6,
            log_level="error",
        )
        try:
            service.start()
            url = str(service.http.base_url).rstrip("/")
            database = open_database(f"sqlite:///{service.data_dir / 'autopq.sqlite3'}")
            storage = Storage(service.data_dir)
            ids = furnish(database, storage, TENANT, TENANT)
            fitted_model().save(storage.attempt_model(ids["job_id"], 1))
            with database.write() as session:
                request = KeyCreate(name="contract", scopes=list(SCOPES))
                key = accounts.create_key(session, TENANT, request)
            ids["key_id"] = key.id
            database.close()
            unknown = folder / "unknown.toml"
            unknown.write_text(CHECKS)
            known = folder / "known.toml"
            lines = [f'"path.{name}" = "{found}"' for name, found in ids.items()]
            known.write_text("\n".join([CHECKS, "[parameters]", *lines, ""]))
            shared = (
                *("--max-examples", str(options.examples), "--seed", str(options.seed)),
                *("--header", f"Authorization: Bearer {key.key}", "--no-shrink"),
                # Nobody supervises, so that no job starts: `/readyz` says 503 on purpose, and the
                # events of a job that waits have no end.
                *("--exclude-path", "/readyz", "--exclude-path", "/v1/jobs/{job_id}/events"),
                *("--request-timeout", "120"),
                # It would be this one.
                *("--exclude-operation-id", "revoke_key"),
            )
            with_known = ("--phases", "fuzzing", "--exclude-method", "DELETE")
            # What was followed from one answer to the next may have been deleted at its end.
            runs = [
                run(url, folder, known, *shared, *with_known),
                run(url, folder, unknown, *shared, "--phases", options.phases),
            ]
            bearer = {"Authorization": f"Bearer {key.key}"}
            still_there = service.http.get("/v1/usage", headers=bearer).is_success
        finally:
            service.stop()
    made = sum(requests for _, requests in runs)
    sys.stdout.write(f"{made} requests\n")
    if any(code for code, _ in runs) or made < options.least or not still_there:
        sys.exit(1)


if __name__ == "__main__":
    main()

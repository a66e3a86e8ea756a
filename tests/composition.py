"""The processes of `deploy/compose.yml` with its own commands and settings, beside each other on
this machine: what would be another container's name or file is an address or a file here."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.app.conftest import CONFIG, example_table
from tests.postgres import PostgresServer
from tests.ray_head import SMALL, free_ports, kill_all
from tests.test_deployment import SECRETS, SERVICES

_PATIENCE_S = 300.0


class Composition:
    """Starts services by their names; all end with the block of `composition`."""

    def __init__(self, folder: Path, database_port: int) -> None:
        self._folder = folder
        self._database_port = database_port
        self._ray_port, self.head_port, *self._agents, self.worker_port = free_ports(4)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str, **variables: str) -> None:
        command = SERVICES[name].get("command", ["autopq", "serve"])
        with (self._folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [*self._ours(command), *arguments],
                env=self.environment(name) | variables,
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes[name] = process

    def start_ray(self) -> None:
        self.start(
            "ray-head",
            *(f"--port={self._ray_port}", f"--dashboard-port={self.head_port}"),
            *("--dashboard-host=127.0.0.1", f"--temp-dir={self._folder / 'ray'}"),
            *(f"--dashboard-agent-listen-port={self._agents[0]}", *SMALL),
        )
        self.until_healthy("ray-head", self.head_port)
        agent = f"--dashboard-agent-listen-port={self.worker_port}"
        self.start("ray-worker", "--num-cpus=2", agent, *SMALL)
        self.until_healthy("ray-worker", self.worker_port)

    def start_service(self) -> None:
        """Supervisor and API, with a user's key."""
        self.key = self.run("supervisor", "autopq", "keys", "create", "first").split()[0]
        self.api_port, self.supervisor_port = free_ports(2)
        self.start("supervisor", AUTOPQ_PORT=str(self.supervisor_port))
        self.until_healthy("supervisor", self.supervisor_port)
        self.start("api", AUTOPQ_HOST="127.0.0.1", AUTOPQ_PORT=str(self.api_port))
        self.until_healthy("api", self.api_port)

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def work(self) -> None:
        """One small job and one forecast, over HTTP."""
        url = f"http://127.0.0.1:{self.api_port}"
        with httpx.Client(base_url=url, headers=self.bearer, timeout=60) as http:
            table, csv = example_table().to_csv(index=False), {"Content-Type": "text/csv"}
            dataset = http.post("/v1/datasets", content=table, headers=csv)
            body = {"dataset_id": dataset.json()["id"], "config": CONFIG}
            job = http.post("/v1/jobs", json=body).raise_for_status().json()["links"]["self"]
            self.until(lambda: http.get(job).json()["finished_at"], "the job")
            done = http.get(job).json()
            assert (done["state"], done["attempt"]) == ("succeeded", 1), done
            made = http.post(f"/v1/models/{done['model_id']}/forecasts", json={}).json()
            state = f"/v1/forecasts/{made['id']}/status"
            self.until(lambda: http.get(state).json()["state"] == "succeeded", "the forecast")

    def run(self, name: str, *command: str) -> str:
        """What a command of a service's container prints."""
        done = subprocess.run(
            self._ours(list(command)), env=self.environment(name), capture_output=True, check=True
        )
        return done.stdout.decode()

    def until_healthy(self, name: str, port: int) -> None:
        """By the address that the service's own check asks, without any token."""
        check = SERVICES[name].get("healthcheck", {"test": ["http://127.0.0.1:8000/readyz'"]})
        path = check["test"][-1].split("127.0.0.1:")[1].split("/", 1)[1].split("'")[0]
        self.until(lambda: httpx.get(f"http://127.0.0.1:{port}/{path}").is_success, name)

    def until(self, probe: Any, what: str) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                if probe():
                    return
            except httpx.TransportError:
                pass
            told = [file.read_text()[-2000:] for file in self._folder.glob("*.log")]
            assert time.monotonic() < deadline, (what, *told)
            time.sleep(0.2)

    def environment(self, name: str) -> dict[str, str]:
        theirs = {name for name in os.environ if name.startswith(("AUTOPQ_", "RAY_"))}
        given = SERVICES[name]["environment"]
        return {
            **{name: value for name, value in os.environ.items() if name not in theirs},
            **{name: self._here(str(value)) for name, value in given.items()},
            "AUTOPQ_DATA_DIR": str(self._folder / "data"),
            "AUTOPQ_WORKER_NICENESS": "0",
            "OMP_NUM_THREADS": "1",
        }

    def _ours(self, command: list[str]) -> list[str]:
        program, *rest = command
        return [str(Path(sys.executable).with_name(program)), *map(self._here, rest)]

    def _here(self, text: str) -> str:
        for there, here in (
            ("@db/", f"@127.0.0.1:{self._database_port}/"),
            ("ray-head:6379", f"127.0.0.1:{self._ray_port}"),
            ("ray-head:8265", f"127.0.0.1:{self.head_port}"),
            (SECRETS, str(self._folder)),
        ):
            text = text.replace(there, here)
        return text


@contextmanager
def composition(postgres: PostgresServer) -> Iterator[Composition]:
    # Ray's sockets lie in this folder, and their paths must be short.
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="autopq-")))
        url = postgres.create_database("autopq")
        (folder / "database-password").write_text(url.split(":")[2].split("@")[0] + "\n")
        (folder / "ray-token").write_text("0123456789abcdef" * 4 + "\n")
        made = Composition(folder, postgres.port)
        try:
            yield made
        finally:
            for process in reversed(made.processes.values()):
                kill_all(process)

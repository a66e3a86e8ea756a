"""A small Ray cluster of one machine for tests: its own port, token and end."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import psutil

_PATIENCE_S = 600.0
_TRIES = 3
SMALL = (
    *("--object-store-memory", str(100 * 2**20), "--memory", str(2 * 2**30)),
    *("--disable-usage-stats", "--num-gpus", "0"),
)


class RayHead:
    """A head with `cpus` processors. `kill` and `start` again lose what it knew, not its address.

    `add_node` starts another raylet, which Ray takes for another machine."""

    def __init__(self, folder: Path, cpus: int = 2) -> None:
        self._folder = folder
        self._cpus = cpus
        self.choose_ports()
        self.token_file = folder / "token"
        self.token_file.write_text(secrets.token_hex(16))
        self.nodes: list[subprocess.Popen[bytes]] = []
        self.head: subprocess.Popen[bytes] | None = None

    def choose_ports(self) -> None:
        """Anew, for a head that never started: others may have taken what was free."""
        self._port, self._http_port = free_ports(2)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._http_port}"

    @property
    def variables(self) -> dict[str, str]:
        """What a process needs in its environment to join the cluster."""
        return {
            "RAY_ADDRESS": f"127.0.0.1:{self._port}",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.token_file),
            "RAY_USAGE_STATS_ENABLED": "0",
            # It would kill workers for the memory that others on the machine take.
            "RAY_memory_monitor_refresh_ms": "0",
        }

    def start(self) -> None:
        """Returns when it takes jobs."""
        self.head = self._launch(
            "--head",
            *("--port", str(self._port), "--num-cpus", str(self._cpus)),
            *("--include-dashboard", "true", "--dashboard-host", "127.0.0.1"),
            *("--dashboard-port", str(self._http_port), "--temp-dir", str(self._folder / "ray")),
            *("--dashboard-agent-listen-port", str(*free_ports(1))),
        )
        self.await_nodes(1)

    def add_node(self, cpus: int = 1) -> subprocess.Popen[bytes]:
        """The process that leads the new node's; `kill_node` ends them all."""
        before = self._living()
        node = self._launch(
            *("--address", f"127.0.0.1:{self._port}", "--num-cpus", str(cpus)),
            # Else two nodes of one machine would want the same one.
            *("--dashboard-agent-listen-port", str(*free_ports(1))),
        )
        self.nodes.append(node)
        self.await_nodes(before + 1)
        return node

    def kill_node(self, node: subprocess.Popen[bytes]) -> None:
        kill_all(node)
        self.nodes.remove(node)

    def processes(self, title: str) -> list[psutil.Process]:
        """Those of this cluster that run what Ray titles so, such as `ray::_Rank`."""
        found = []
        for process in psutil.process_iter():
            try:
                titled = title in " ".join(process.cmdline())
                if titled and process.environ().get("RAY_AUTH_TOKEN_PATH") == str(self.token_file):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def kill(self) -> None:
        """All of it at once, the workers too, as when the machine loses its power."""
        for node in (*self.nodes, self.head):
            if node is not None:
                kill_all(node)
        self.nodes.clear()
        self.head = None

    def _launch(self, *arguments: str) -> subprocess.Popen[bytes]:
        ray = Path(sys.executable).with_name("ray")
        # The head would take this one for the address of another.
        variables = {k: v for k, v in self.variables.items() if k != "RAY_ADDRESS"}
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [ray, "start", "--block", *arguments, *SMALL],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **variables, "OMP_NUM_THREADS": "1"},
                start_new_session=True,
            )

    def await_nodes(self, count: int) -> None:
        """Returns when so many live, the head among them, and jobs are taken."""
        deadline = time.monotonic() + _PATIENCE_S
        while self._living() != count:
            ended = self.head is None or self.head.poll() is not None
            if ended or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "log").read_text())
            time.sleep(0.2)

    def _living(self) -> int:
        bearer = {"Authorization": f"Bearer {self.token_file.read_text()}"}
        with suppress(httpx.HTTPError, ValueError, KeyError, TypeError):
            nodes = httpx.get(f"{self.address}/api/v0/nodes", headers=bearer, timeout=10).json()
            found = nodes["data"]["result"]["result"]
            jobs = httpx.get(f"{self.address}/api/jobs/", headers=bearer, timeout=10)
            if jobs.status_code == 200:
                return sum(node["state"] == "ALIVE" for node in found)
        return 0


def kill_all(leader: subprocess.Popen[bytes]) -> None:
    """Ray's processes are children of the one that was started; the watchers of jobs, which lead
    sessions of their own, and the jobs end by themselves."""
    with suppress(psutil.NoSuchProcess):
        family = [*psutil.Process(leader.pid).children(recursive=True)]
        leader.kill()
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
    leader.wait(30)


def free_ports(count: int) -> list[int]:
    """All of them held at once, so that they differ."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


@contextmanager
def running_ray(cpus: int = 2) -> Iterator[RayHead]:
    """A started cluster, ended and removed at the end of the block."""
    # Ray's sockets lie in this folder, and their paths must be short.
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    head = RayHead(folder, cpus)
    try:
        for left in reversed(range(_TRIES)):
            try:
                head.start()
                break
            except RuntimeError:
                if not left:
                    raise
                head.kill()
                head.choose_ports()
        yield head
    finally:
        head.kill()
        shutil.rmtree(folder, ignore_errors=True)

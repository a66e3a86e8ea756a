"""The parent's side of table checks: a few child processes, each used by one request at a time."""

import hashlib
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any, cast

import structlog

from app.checks.kept_audits import KeptAudits
from app.checks.sources import TableSource
from app.core.errors import AppError, InvalidRequestError, UnavailableError, invalid
from app.settings import Settings
from autopq.errors import InputError, Issue
from autopq.task import UNAUDITED, TaskConfig

log = structlog.get_logger(__name__)

_KEPT_BYTES = 4 * 2**20


class CheckPool:
    """Runs checks in child processes with a memory limit.

    A child that dies or takes too long costs its own request a 422 and nobody else anything; an
    error that is not the table's fault is a 500. `observe` is told each check's task and seconds.
    """

    def __init__(self, settings: Settings, observe: Callable[[str, float], None]) -> None:
        self._settings = settings
        self._observe = observe
        self._audits = KeptAudits(_KEPT_BYTES)
        self._children: queue.LifoQueue[_Child] = queue.LifoQueue()
        for _ in range(settings.check_processes):
            self._children.put(_Child(settings.check_memory_bytes))

    def run(self, task: str, **arguments: Any) -> dict[str, Any]:
        """The task's result. Raises InputError for a table that cannot be used."""
        limits = asdict(self._settings.table_limits)
        child = self._children.get()
        began = time.monotonic()
        try:
            answer = child.ask(
                {"task": task, "limits": limits, **arguments}, self._settings.check_seconds
            )
        finally:
            self._children.put(child)
            self._observe(task, time.monotonic() - began)
        if answer is None:
            log.warning("a table check ended its process", task=task)
            raise _unreadable()
        if "issues" in answer:
            raise InputError([Issue(**issue) for issue in answer["issues"]])
        if "failed" in answer:
            raise AppError(
                f"Checking the table failed inside the service ({answer['failed']}); "
                "its log says where."
            )
        return cast("dict[str, Any]", answer["result"])

    def audit(self, table: TableSource, config: TaskConfig) -> dict[str, Any]:
        """What the audit finds in a version of a dataset, which is a file that never changes: the
        same is not looked for again. Raises InputError as `run` does."""
        asked = {
            "table": table.as_dict(),
            "config": config.model_dump(mode="json", exclude=set(UNAUDITED)),
        }
        key = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
        found = self._audits.get(key)
        if found is None:
            found = cast("dict[str, Any]", self.run("audit", **asked)["audit"])
            self._audits.put(key, found)
        return found

    def close(self) -> None:
        for _ in range(self._settings.check_processes):
            with suppress(queue.Empty):
                self._children.get(timeout=1).stop()


def _unreadable() -> InvalidRequestError:
    return invalid(
        "file",
        "reading the table took more memory or time than one upload may use, or broke the reader.",
        "Check that the file opens elsewhere; send fewer rows or columns.",
    )


class _Child:
    """One child process, started when first needed and again after a death."""

    def __init__(self, memory_bytes: int) -> None:
        self._command = [sys.executable, "-m", "app.checks.child", str(memory_bytes)]
        self._process: subprocess.Popen[str] | None = None

    def ask(self, request: dict[str, Any], timeout: float) -> dict[str, Any] | None:
        """The answer, or None when the child died over it."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        timer = threading.Timer(timeout, process.kill)
        timer.start()
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:
            line = ""
        finally:
            timer.cancel()
        if not line.endswith("\n"):
            self.stop()
            return None
        return cast("dict[str, Any]", json.loads(line))

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self._process = subprocess.Popen(  # noqa: S603 - our own module, no user input
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                start_new_session=True,
            )
            assert self._process.stdout is not None
            if not self._process.stdout.readline():
                self.stop()
                raise UnavailableError("The processes that read tables cannot be started.")
        return self._process

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            with suppress(OSError):
                if stream is not None:
                    stream.close()

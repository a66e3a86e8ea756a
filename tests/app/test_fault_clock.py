"""A clock that jumps, under two services on one database."""

import mmap
import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.aftermath import check_aftermath, phases_of_attempt

pytestmark = pytest.mark.slow

Make = Callable[..., Any]

# Adds the number at the start of a file to the wall clock of whoever preloads it, workers too.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static volatile int64_t *offset;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void prepare(void) {
    int file = open(getenv("CLOCK_OFFSET_FILE"), O_RDONLY);
    offset = mmap(0, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    *(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
}

int clock_gettime(clockid_t which, struct timespec *now) {
    if (!real_clock_gettime) prepare();
    int failed = real_clock_gettime(which, now);
    if (!failed && which == CLOCK_REALTIME) now->tv_sec += *offset;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec at;
    (void)zone;
    int failed = clock_gettime(CLOCK_REALTIME, &at);
    now->tv_sec = at.tv_sec;
    now->tv_usec = at.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *where) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    if (where) *where = at.tv_sec;
    return at.tv_sec;
}
"""


@pytest.fixture
def set_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Sets the clock of services that are started from now on, by seconds."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler to shift the clock with")
    source, library, offset = (tmp_path / name for name in ("shim.c", "shim.so", "offset"))
    source.write_text(SHIM)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    offset.write_bytes(bytes(8))
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("CLOCK_OFFSET_FILE", str(offset))
    with offset.open("r+b") as file, mmap.mmap(file.fileno(), 8) as shared:
        yield lambda seconds: shared.__setitem__(slice(0, 8), struct.pack("=q", seconds))


@pytest.mark.parametrize("jump", [7200, -7200], ids=["forwards", "backwards"])
def test_jobs_survive_a_jump(
    set_clock: Callable[[int], None], make_service: Make, table: Any, jump: int
) -> None:
    first, second = make_service(lease_seconds=3), make_service(lease_seconds=3)
    dataset_id = first.upload(table)
    jobs = [first.submit(dataset_id, **first.long_config), second.submit(dataset_id)]
    first.until(lambda: phases_of_attempt(first, jobs[0]["id"], 1), "the fit to be under way")
    set_clock(jump)
    for job in jobs:
        ended = second.finish(job["id"], 180)
        assert ended["state"] == "succeeded", ended
        assert first.crashes(job["id"]) == 0
    first.until(lambda: second.http.get("/readyz").status_code == 200, "a supervisor", 20)
    assert os.environ["LD_PRELOAD"]
    first.kill()
    last = second.submit(dataset_id)
    assert second.finish(last["id"], 120)["state"] == "succeeded"
    check_aftermath(second)

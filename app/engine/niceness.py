"""Jobs take what cores are idle; who reads a forecast meanwhile must not wait for them."""

import os
from contextlib import suppress
from pathlib import Path

# Where Linux groups processes by session, niceness counts within a group only, and the group's own
# is set here.
_GROUP = Path("/proc/self/autogroup")
# Loops that a thread of a job spins while it waits for the others (libgomp); by itself it spins
# thirty times as long, which burns a core whenever another process has the one that is waited for.
_SPINS = "10000"
_SPINNING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


def stand_back(niceness: int) -> None:
    """Let this process, the leader of its session, and all that it starts come after others."""
    os.nice(niceness)
    with suppress(OSError):
        _GROUP.write_text(str(niceness), encoding="ascii")


def patient_threads() -> dict[str, str]:
    """What to set for a process that stands back, so that its threads do not burn what others
    leave it; nothing where the operator has chosen how threads wait."""
    chosen = any(name in os.environ for name in _SPINNING)
    return {} if chosen else {_SPINNING[0]: _SPINS}

"""Jobs take what cores are idle; who reads a forecast meanwhile must not wait for them."""

import os
from contextlib import suppress
from pathlib import Path

# Where Linux groups processes by session, niceness counts within a group only, and the group's own
# is set here.
_GROUP = Path("/proc/self/autogroup")


def stand_back(niceness: int) -> None:
    """Let this process, the leader of its session, and all that it starts come after others."""
    os.nice(niceness)
    with suppress(OSError):
        _GROUP.write_text(str(niceness), encoding="ascii")

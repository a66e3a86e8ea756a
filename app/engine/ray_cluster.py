"""A worker's way into the Ray cluster that started it. Only there is Ray installed."""

import signal
from typing import Any


def join_cluster() -> Any:
    """The module `ray`, connected; once per process. Ray would take over the signal by which
    workers are asked to stop."""
    import ray

    if not ray.is_initialized():
        handler = signal.getsignal(signal.SIGTERM)
        ray.init(address="auto", log_to_driver=False)
        signal.signal(signal.SIGTERM, handler)
    return ray

"""Where trials run: in this process, in processes beside it, or on other machines."""

import os

import torch

from autopq.search.trials.base import TrialRunner
from autopq.search.trials.inline import InlineTrials
from autopq.search.trials.processes import ProcessTrials


def local_runner(workers: int | None = None) -> TrialRunner:
    """A runner on this machine with at most so many processes, and never more than it has cores;
    by default as many as torch would use threads. One worker is this process itself."""
    count = min(workers or torch.get_num_threads(), os.cpu_count() or 1)
    return InlineTrials() if count == 1 else ProcessTrials(count)

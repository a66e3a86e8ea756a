"""Where trials run: in this process, in processes beside it, or on other machines."""

import torch

from autopq.search.trials.base import TrialRunner
from autopq.search.trials.inline import InlineTrials
from autopq.search.trials.processes import ProcessTrials


def local_runner(workers: int | None = None) -> TrialRunner:
    """A runner on this machine with at most so many processes: by default, and at most, as many
    as torch would use threads, which are its cores unless the environment says fewer. One worker
    is this process itself."""
    cores = torch.get_num_threads()
    count = min(workers or cores, cores)
    return InlineTrials() if count == 1 else ProcessTrials(count)

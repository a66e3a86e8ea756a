"""`InlineTrials`: one trial after the other, in this process."""

from collections.abc import Iterator, Sequence

from autopq.search.trials.base import Finished, Floor, TrialRequest, Work, attempt


class InlineTrials:
    """See `base.TrialRunner`. Needs no memory beyond the search's own, and no start."""

    def __init__(self) -> None:
        self._work: Work | None = None

    def open(self, work: Work) -> None:
        self._work = work

    def run(self, requests: Sequence[TrialRequest], floor: Floor) -> Iterator[Finished]:
        if self._work is None:
            raise RuntimeError("open the runner first")
        for index, request in enumerate(requests):
            if floor.should_stop():
                return
            with floor.metered(request, None) as span:
                outcome = attempt(self._work, request, floor.should_stop)
            yield Finished(index, outcome, span.seconds, span.energy_mj)

    def close(self) -> None:
        self._work = None

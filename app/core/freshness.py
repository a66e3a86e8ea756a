"""How long what was looked up counts, and who looks it up again."""

FRESH_S = 1.0  # how long what another process changed may go unnoticed
_AGAIN_S = FRESH_S / 2


class Look:
    """One look at something, at `since` by a monotonic clock.

    When all who ask looked again at the same moment, all of them would wait. So the first one who
    asks after half the time is told that the look is old, and by the time it is, there is a new
    one for the others.
    """

    __slots__ = ("_is_followed", "_since")

    def __init__(self, since: float) -> None:
        self._since = since
        self._is_followed = False

    def is_fresh(self, now: float) -> bool:
        """Whether to go by it. Whoever it is false for looks again."""
        age = now - self._since
        if age > _AGAIN_S and not self._is_followed:
            self._is_followed = True
            return False
        return age <= FRESH_S

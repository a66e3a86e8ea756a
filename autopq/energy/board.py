"""The board: a small file where a machine's meter shows each process its share."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autopq.energy.host_meter import Parts, Rates
from autopq.energy.ledger import Provenance
from autopq.energy.share import Share

STALE_S = 15.0  # a meter that has not written for so long has stopped
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Posted:
    """One process tree's line on the board."""

    drawn: Parts
    cpu_s: float
    rates: Rates
    shared_gpu: bool = False


class Board:
    """Written by the meter of the machine, read by all it meters. A reader sees the old or the
    new content, never half of one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._epoch = f"{os.getpid()}-{time.monotonic_ns()}"

    def post(
        self,
        shares: Mapping[int, Posted],
        *,
        sampled_at: float,
        rates: Rates,
        provenance: Provenance,
    ) -> None:
        """`shares` by the pid of each tree's root; `rates` for trees that are not there yet."""
        content = {
            "epoch": self._epoch,
            "written_at": time.monotonic(),
            "sampled_at": sampled_at,
            "rates": list(rates),
            "provenance": asdict(provenance),
            "shares": {str(pid): asdict(posted) for pid, posted in shares.items()},
        }
        fresh = self._path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(content), encoding="utf-8")
        fresh.replace(self._path)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)


class BoardShares:
    """This process's share as the board tells it; see `share.Shares`."""

    def __init__(self, path: Path, *, patience: float = 1.0) -> None:
        self._path = path
        self._patience = patience
        self._pid = os.getpid()
        self._epoch = ""
        self._base = Parts()  # from meters before the present one
        self._seen = Parts()
        self._last: Share | None = None
        self._began = 0.0

    def start(self) -> None:
        """Wait for the board while the machine's meter starts. Raises OSError without one."""
        self._began = time.monotonic()
        deadline = self._began + self._patience
        while True:
            try:
                self._epoch = self._read()["epoch"]
            except OSError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_POLL_S)
            else:
                return

    def latest(self) -> Share:
        """Raises OSError when the machine's meter has stopped."""
        content = self._read()
        provenance = Provenance(**content["provenance"])
        if content["epoch"] != self._epoch:
            self._epoch, self._base = content["epoch"], self._base + self._seen
            self._seen, self._last = Parts(), None
        posted = content["shares"].get(str(self._pid))
        if posted is None:
            return self._last or self._unseen(Rates(*content["rates"]), provenance)
        self._seen = Parts(**posted["drawn"])
        self._last = Share(
            self._base + self._seen,
            content["sampled_at"],
            posted["cpu_s"],
            Rates(*posted["rates"]),
            provenance
            if not posted["shared_gpu"]
            else Provenance(**content["provenance"] | {"attribution": "shared_gpu"}),
        )
        return self._last

    def provenance(self) -> Provenance:
        return self.latest().provenance

    def stop(self) -> None:
        return None

    def _unseen(self, rates: Rates, provenance: Provenance) -> Share:
        """Carried on from birth, until the meter has noticed this process; by nothing if another
        meter had noticed it before."""
        began_now = self._base == Parts()
        used = 0.0 if began_now else float("inf")
        at = self._began if began_now else time.monotonic()
        return Share(self._base, at, used, rates, provenance)

    def _read(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        age = time.monotonic() - content["written_at"]
        if not 0 <= age <= STALE_S:
            raise OSError("the meter of this machine has stopped")
        return content

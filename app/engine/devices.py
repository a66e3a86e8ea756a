"""The GPUs of this machine, and which attempt has which: whole ones, each to one attempt."""

import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress

VISIBLE = "CUDA_VISIBLE_DEVICES"
ORDER = "CUDA_DEVICE_ORDER"


class Devices:
    """Hands out devices by name until none is left."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._held: dict[str, tuple[str, ...]] = {}

    @property
    def total(self) -> int:
        return len(self._names)

    @property
    def free(self) -> tuple[str, ...]:
        held = {name for names in self._held.values() for name in names}
        return tuple(name for name in self._names if name not in held)

    def environment(self, count: int) -> dict[str, str]:
        """The variable that shows a process the next `count` free devices and no other. Nothing on
        a machine without any."""
        if not self._names:
            return {}
        free = self.free
        if count > len(free):
            raise ValueError(f"{count} devices were asked for and {len(free)} are free")
        return {VISIBLE: ",".join(free[:count])}

    def hold(self, holder: str, environment: Mapping[str, str]) -> None:
        shown = environment.get(VISIBLE, "")
        self._held[holder] = tuple(name for name in shown.split(",") if name)

    def release(self, holder: str) -> None:
        self._held.pop(holder, None)


def find_devices(
    environment: Mapping[str, str] = os.environ, present: Sequence[str] | None = None
) -> Devices:
    """Of the devices that are `present`, by default those that NVIDIA's library names, the ones
    that the environment leaves this process."""
    present = _uuids() if present is None else present
    shown = environment.get(VISIBLE)
    if shown is None or not present:
        return Devices(present)
    return Devices(_visible(shown, present, by_bus=environment.get(ORDER) == "PCI_BUS_ID"))


def _visible(shown: str, present: Sequence[str], *, by_bus: bool) -> list[str]:
    """As CUDA reads the variable: numbers or names, up to the first that is neither.

    NVIDIA's library counts devices as they lie on the bus, CUDA the fastest first unless it is told
    otherwise. Then a number is handed on as it stands, for the worker's CUDA to read."""
    found: list[str] = []
    for entry in (part.strip() for part in shown.split(",")):
        if entry.isdigit() and int(entry) < len(present):
            found.append(present[int(entry)] if by_bus else entry)
        elif entry.startswith(("GPU-", "MIG-")):
            found.append(entry)
        else:
            break
    return found


def _uuids() -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some releases warn of their own name
        try:
            import pynvml
        except ImportError:
            return []
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []  # no driver, no devices
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        uuids = [pynvml.nvmlDeviceGetUUID(handle) for handle in handles]
        return [uuid.decode() if isinstance(uuid, bytes) else str(uuid) for uuid in uuids]
    except pynvml.NVMLError:
        return []
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()

"""How large each series' forecast errors are, so that errors of all series can be pooled."""

import numpy as np

from autopq.data.panel import Floats, Windows
from autopq.forecasters.scaling import SeriesScale

# Windows of one series from which its own error size is believed rather than the pooled one.
_ENOUGH_WINDOWS = 20


def fit_error_scale(target: SeriesScale, windows: Windows, errors: Floats) -> SeriesScale:
    """The scale of the targets turned into that of the errors [n, H] of `windows`.

    Series with enough windows get their mean absolute error, others the pooled share of their
    target's scale.
    """
    _, spread = target.of(windows.panel)
    relative = np.abs(errors) / spread[windows.series][:, None]
    pooled = max(float(np.nanmean(relative)), 1e-9)
    sizes = dict(zip(target.item_ids, target.scale * pooled, strict=True))
    for s, item in enumerate(windows.panel.item_ids):
        own = np.abs(errors[windows.series == s])
        if len(own) >= _ENOUGH_WINDOWS and item in sizes and np.nanmean(own) > 0:
            sizes[item] = float(np.nanmean(own))
    return SeriesScale(target.item_ids, target.center, np.array([*sizes.values()]))

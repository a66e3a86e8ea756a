"""A report of groups as CSV."""

import csv
import io

from app.core.spreadsheets import harmless_text
from app.energy.schemas import EnergySummary

_COLUMNS = (
    "cpu_wh",
    "idle_wh",
    "gpu_wh",
    "ram_wh",
    "total_wh",
    "low_wh",
    "high_wh",
    "kg_co2e",
    "cost",
    "currency",
    "seconds",
    "measured",
)


def to_csv(summary: EnergySummary) -> str:
    """A line for each group; its sum is the report's total."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([summary.group_by, *_COLUMNS, "sources"])
    for group in summary.groups:
        sources = sorted({f"{s.cpu_method}/{s.gpu_method}/{s.ram_method}" for s in group.sources})
        figures = [getattr(group, name) for name in _COLUMNS]
        writer.writerow([harmless_text(group.key or ""), *figures, " ".join(sources)])
    return text.getvalue()

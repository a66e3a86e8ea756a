"""Identifiers: a prefix that tells the kind and 32 hex digits that sort by time of creation."""

import secrets
import time


def new(prefix: str) -> str:
    """Such as `job_0199...`. The first 12 digits are milliseconds, the other 20 are random."""
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"

"""Identifiers: a prefix that tells the kind and 32 hex digits that sort by time of creation."""

import secrets
import time


def new(prefix: str) -> str:
    """Such as `job_0199...`. The first 12 digits are milliseconds, the other 20 are random."""
    return f"{prefix}_{digits(random_bytes=10)}"


def digits(*, random_bytes: int) -> str:
    """Milliseconds since 1970 in 12 hex digits, then two random ones a byte."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(random_bytes)}"

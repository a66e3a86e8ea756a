"""Answers in zstd or gzip, whichever the caller takes; what is compressed already stays."""

from typing import Any

import pyarrow as pa
from starlette.datastructures import Headers
from starlette.middleware.gzip import (
    DEFAULT_EXCLUDED_CONTENT_TYPES,
    GZipMiddleware,
    GZipResponder,
)
from starlette.types import Receive, Scope, Send

MIN_BYTES = 1024
GZIP_LEVEL = 5  # a third of level 9's time for a few percent of its size
ZSTD_LEVEL = 3
_COMPRESSED = (
    *DEFAULT_EXCLUDED_CONTENT_TYPES,
    "application/vnd.apache.parquet",
    "application/vnd.apache.arrow.stream",
)
COMPRESSION: dict[str, Any] = {  # how the service compresses
    "minimum_size": MIN_BYTES,
    "compresslevel": GZIP_LEVEL,
    "exclude_content_types": _COMPRESSED,
}


class _ZstdResponder(GZipResponder):
    content_encoding = "zstd"

    def _compress_body(self, body: bytes, more_body: bool) -> bytes:
        # Each piece is a frame of its own, which RFC 8878 lets a decoder read one after the other.
        return bytes(pa.Codec("zstd", ZSTD_LEVEL).compress(body, asbytes=True)) if body else b""


class CompressionMiddleware(GZipMiddleware):
    """Starlette's middleware with zstd beside gzip. Event streams are never compressed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _takes(Headers(scope=scope), "zstd"):
            responder = _ZstdResponder(
                self.app, self.minimum_size, exclude_content_types=self.exclude_content_types
            )
            await responder(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _takes(headers: Headers, encoding: str) -> bool:
    for part in headers.get("accept-encoding", "").split(","):
        name, _, weight = part.partition(";")
        if name.strip().lower() == encoding:
            return weight.replace(" ", "").lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False

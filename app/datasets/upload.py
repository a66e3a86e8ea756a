"""Streams a request body to a temporary file while hashing it; memory stays flat."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from anyio import to_thread
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from app.checks.sources import INLINE_MEDIA_TYPE
from app.core.errors import TooLargeError, UnsupportedError, invalid

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

CHUNK = 2**20

MEDIA_TYPES = {
    "text/csv": "text/csv",
    "application/csv": "text/csv",
    "application/vnd.apache.parquet": "application/vnd.apache.parquet",
    "application/x-parquet": "application/vnd.apache.parquet",
    "application/vnd.apache.arrow.stream": "application/vnd.apache.arrow.stream",
    INLINE_MEDIA_TYPE: INLINE_MEDIA_TYPE,
}
_SUFFIXES = {
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
    ".arrow": "application/vnd.apache.arrow.stream",
    ".arrows": "application/vnd.apache.arrow.stream",
    ".json": INLINE_MEDIA_TYPE,
}


@dataclass(frozen=True)
class ReceivedFile:
    media_type: str
    size_bytes: int
    sha256: str

    @property
    def fingerprint(self) -> bytes:
        """Tells whether two uploads are the same."""
        return f"{self.media_type} {self.sha256}".encode()


class _Sink:
    """Hashes and writes in large pieces, on a thread."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._pending = bytearray()
        self.size = 0

    def feed(self, data: bytes) -> None:
        self._pending += data
        self.size += len(data)

    async def drain(self, *, all_of_it: bool = False) -> None:
        if len(self._pending) >= CHUNK or (all_of_it and self._pending):
            piece, self._pending = bytes(self._pending), bytearray()
            await to_thread.run_sync(self._write, piece)

    def _write(self, piece: bytes) -> None:
        self._digest.update(piece)
        self._file.write(piece)

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


async def receive(request: Request, path: Path, *, max_json: int) -> ReceivedFile:
    """Write the uploaded table to `path`: the raw body, or the `file` field of a form.

    Raises UnsupportedError for a media type that is not read, TooLargeError for JSON of more than
    `max_json` bytes, InvalidRequestError for an empty body or a broken form.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    declared = kind.decode("latin-1").lower()
    with path.open("wb") as file:
        sink = _Sink(file)
        if declared == "multipart/form-data":
            media_type = await _receive_form(request.stream(), options.get(b"boundary"), sink)
        else:
            media_type = _supported(declared)
            async for data in request.stream():
                sink.feed(data)
                await sink.drain()
        await sink.drain(all_of_it=True)
    if media_type == INLINE_MEDIA_TYPE and sink.size > max_json:
        raise TooLargeError(
            f"As JSON a table may have {max_json} bytes. Send CSV, Parquet or Arrow instead."
        )
    if sink.size == 0:
        raise invalid("file", "the upload is empty.", "Send the table as the request body.")
    return ReceivedFile(media_type, sink.size, sink.hexdigest())


def _supported(declared: str) -> str:
    media_type = MEDIA_TYPES.get(declared)
    if media_type is None:
        known = ", ".join(sorted(set(MEDIA_TYPES.values())))
        raise UnsupportedError(
            f"Content-Type '{declared or '(none)'}' is not read. Use one of: {known}, "
            "or a form with a `file` field."
        )
    return media_type


async def _receive_form(body: AsyncIterator[bytes], boundary: bytes | None, sink: _Sink) -> str:
    if not boundary:
        raise _broken_form("the form has no boundary.")
    form = _FileField(sink)
    try:
        parser = MultipartParser(boundary, form.callbacks())
        async for data in body:
            parser.write(data)
            await sink.drain()
        parser.finalize()
    except ValueError as error:
        raise _broken_form("the form cannot be parsed.") from error
    if form.media_type is None:
        raise _broken_form("the form has no field `file`.")
    return form.media_type


def _broken_form(detail: str) -> Exception:
    return invalid("file", detail, "Send a multipart form whose field `file` holds the table.")


class _FileField:
    """Feeds the content of the form's `file` field, and of no other, to the sink."""

    def __init__(self, sink: _Sink) -> None:
        self._sink = sink
        self._headers: dict[str, bytes] = {}
        self._name = self._value = b""
        self._is_file = False
        self.media_type: str | None = None

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
        }

    def _begin(self) -> None:
        self._headers, self._name, self._value, self._is_file = {}, b"", b"", False

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value
        self._name = self._value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", b""))
        if options.get(b"name") != b"file" or self.media_type is not None:
            return
        self._is_file = True
        kind, _ = parse_options_header(self._headers.get("content-type", b""))
        declared = kind.decode("latin-1").lower()
        suffix = Path(options.get(b"filename", b"").decode("utf-8", "replace")).suffix.lower()
        self.media_type = MEDIA_TYPES.get(declared) or _SUFFIXES.get(suffix) or _supported(declared)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._sink.feed(data[start:end])


@contextmanager
def temporary(path: Path) -> Iterator[Path]:
    """`path`, and the certainty that nothing is left there afterwards."""
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)

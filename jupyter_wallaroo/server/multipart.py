"""An upload form, parsed as it comes in."""

from __future__ import annotations

from collections.abc import Callable

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from jupyter_wallaroo.errors import InvalidRequest, TooLarge

MAX_METADATA_BYTES = 2**20

Sink = Callable[[bytes], None]


class UploadForm:
    """A ``multipart/form-data`` body with a part ``metadata``, as a field or as a file, and a part ``file``.

    Parameters
    ----------
    content_type
        The request's Content-Type, which names the boundary.

    Raises
    ------
    InvalidRequest
        The type is not that of a form.
    """

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise InvalidRequest(
                f"Expected a multipart/form-data body with the parts 'metadata' and 'file'; got {content_type[:80]!r}.",
                hint="Send the bare file to models/upload_stream instead.",
            )
        self.file_name = ""
        self.metadata: bytes | None = None
        self._text = bytearray()
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._part = ""
        self._is_complete = False
        self._has_file = False
        self._sink: Sink = self._text.extend
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                    "on_header_end": self._header_ended,
                    "on_part_data": self._part_data,
                    "on_part_end": self._part_ended,
                    "on_end": self._ended,
                },
            )
        except FormParserError as error:
            raise InvalidRequest(f"The form's boundary cannot be: {error}") from None

    def feed(self, part: bytes, sink: Sink) -> None:
        """Parse the next part of the body; the file's bytes go to ``sink``."""
        self._sink = sink
        try:
            self._parser.write(part)
        except FormParserError as error:
            raise InvalidRequest(f"The upload is not a sound multipart form: {error}") from None

    def finish(self) -> bytes:
        """Return the metadata of a form that has come in whole.

        Raises
        ------
        InvalidRequest
            The form was cut off, or lacks a part.
        """
        if not self._is_complete:
            raise InvalidRequest("The upload was cut off: the form's closing boundary is missing.")
        missing = [name for name, found in (("metadata", self.metadata), ("file", self._has_file or None)) if not found]
        if missing:
            raise InvalidRequest(f"The upload form has no part {' and no part '.join(map(repr, missing))}.")
        return self.metadata or b""

    def _header_ended(self) -> None:
        name, value = bytes(self._header[0]).lower(), bytes(self._header[1])
        self._header = (bytearray(), bytearray())
        if name != b"content-disposition":
            return
        _, options = parse_options_header(value)
        self._part = options.get(b"name", b"").decode("utf-8", "replace")
        if self._part == "file":
            if self._has_file:
                raise InvalidRequest("The upload form has two parts 'file'; expected one.")
            self._has_file = True
            self.file_name = options.get(b"filename", b"").decode("utf-8", "replace")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._part == "file":
            self._sink(data[start:end])
        elif self._part == "metadata":
            if len(self._text) + end - start > MAX_METADATA_BYTES:
                raise TooLarge(f"The upload's metadata is larger than {MAX_METADATA_BYTES} bytes.")
            self._text.extend(data[start:end])

    def _part_ended(self) -> None:
        if self._part == "metadata":
            self.metadata = bytes(self._text)
        self._part = ""

    def _ended(self) -> None:
        self._is_complete = True

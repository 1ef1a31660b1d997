"""S3: objects in Amazon's S3 or anything that speaks its protocol.

Details
-------
bucket (or bucket_name), prefix
    Where names begin. Without a bucket a source begins with one; ``s3://bucket/key`` always works.
key (or access_key, access_key_id, aws_access_key_id), secret (or secret_key, secret_access_key, aws_secret_access_key)
    Without them, credentials come from the environment as boto's do.
session_token (or token, aws_session_token)
endpoint_url (or endpoint)
    Of a service that is not Amazon's.
region (or region_name, aws_region)
anonymous
    True for public data without credentials.
format
    When the suffix does not tell it.

Patterns and formats are those of `files`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk.connectors.details import optional
from jupyter_wallaroo.sdk.connectors.failures import driver
from jupyter_wallaroo.sdk.connectors.files import batches_of_all, read_all

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_wallaroo.sdk.connectors.connector import Details

TIMEOUT_S = 60.0
"""To connect, and between two pieces of an answer."""

RETRIES = 3


class S3:
    """Reads and writes objects."""

    def read(
        self,
        details: Details,
        source: str | None = None,
        *,
        format: str | None = None,  # noqa: A002 pandas' and pyarrow's word
        timeout_s: float = TIMEOUT_S,
    ) -> pa.Table:
        """Return the table in an object, or in all objects that a pattern finds."""
        files = _file_system(details, timeout_s)
        return read_all(_names(files, details, source), format or optional(details, "format"), files.cat_file)

    def batches(
        self,
        details: Details,
        source: str | None,
        most: int,
        *,
        format: str | None = None,  # noqa: A002
        timeout_s: float = TIMEOUT_S,
    ) -> Iterator[pa.Table]:
        """Yield what `read` returns, object by object, in tables of at most ``most`` rows where the format can."""
        files = _file_system(details, timeout_s)
        names = _names(files, details, source)
        yield from batches_of_all(names, format or optional(details, "format"), most, files.open)

    def write(
        self,
        details: Details,
        table: pa.Table,
        target: str | None = None,
        *,
        format: str | None = None,  # noqa: A002
        timeout_s: float = TIMEOUT_S,
    ) -> int:
        """Write the table as one object, in place of one that is there."""
        from jupyter_wallaroo.sdk.connectors import formats

        path = _path(details, target)
        data = formats.encode(table, formats.choose(format or optional(details, "format"), path))
        _file_system(details, timeout_s).pipe_file(path, data)
        return int(table.num_rows)


def _names(files: Any, details: Details, source: str | None) -> list[str]:
    path = _path(details, source)
    return sorted(files.glob(path)) if any(letter in path for letter in "*?[") else [path]


def _path(details: Details, name: str | None) -> str:
    if name is not None and name.startswith("s3://"):
        return name.removeprefix("s3://")
    parts = (optional(details, "bucket", "bucket_name"), optional(details, "prefix"), name)
    path = "/".join(str(part).strip("/") for part in parts if part)
    bucket, _, key = path.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise InvalidRequest(
            "Neither the connection's details nor the source name an object in a bucket.",
            hint="Give the source as 'key' when the details have a bucket, else as 's3://bucket/key'.",
        )
    return f"{bucket}/{key}"


def _file_system(details: Details, timeout_s: float) -> Any:
    s3fs = driver("s3fs", "s3")
    return s3fs.S3FileSystem(
        key=optional(details, "key", "access_key", "access_key_id", "aws_access_key_id"),
        secret=optional(details, "secret", "secret_key", "secret_access_key", "aws_secret_access_key"),
        token=optional(details, "session_token", "token", "aws_session_token"),
        anon=bool(optional(details, "anonymous", "anon")),
        endpoint_url=optional(details, "endpoint_url", "endpoint"),
        client_kwargs={"region_name": optional(details, "region", "region_name", "aws_region")},
        config_kwargs={"connect_timeout": timeout_s, "read_timeout": timeout_s, "retries": {"max_attempts": RETRIES}},
        # fsspec keeps file systems, and with them their credentials and listings, for as long as the process lives.
        skip_instance_cache=True,
        use_listings_cache=False,
    )

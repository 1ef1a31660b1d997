"""An S3 of one's own, in memory."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.counterparts.processes import Missing, free_port, listening

BUCKET = "houses"


@contextlib.contextmanager
def s3() -> Iterator[dict[str, Any]]:
    """Yield the details of a connection to an empty bucket."""
    if importlib.util.find_spec("moto") is None or importlib.util.find_spec("s3fs") is None:
        raise Missing("moto or s3fs is not installed: pip install 'jupyter-wallaroo[test]'")
    import s3fs

    port = free_port()
    details = {
        "bucket": BUCKET,
        "endpoint_url": f"http://127.0.0.1:{port}",
        "key": "AKIATESTTESTTESTTEST",
        "secret": "secret-of-the-test-account",
        "region": "eu-central-1",
    }
    with tempfile.TemporaryDirectory(prefix="s3-") as folder:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        with listening(command, port, Path(folder) / "log", env={**os.environ}):
            s3fs.S3FileSystem(
                key=details["key"],
                secret=details["secret"],
                endpoint_url=details["endpoint_url"],
                client_kwargs={"region_name": details["region"]},
                skip_instance_cache=True,
            ).mkdir(BUCKET)
            yield details

"""Connectors: what ``connection.read`` and ``connection.write`` do with a connection's details.

A connection is a name, a type and details; the server only keeps them (S2-02). A *connector* is the code for one
type. It runs in the kernel or in a task, never in the server, and turns details and a source into an Arrow table,
and a table into rows somewhere else::

    connector_for(type) ─► Guarded ─► one of ours, or a package's own (entry point ``jupyter_wallaroo.connectors``)
                             │
                             └─ errors: which type, which source, the next step, and nothing of the details

============================  ========================  =====================
type                          module                    extra
============================  ========================  =====================
HTTP, HTTPS, HTTPFILE         `http`
FILE                          `files`
S3                            `s3`                      ``s3``
POSTGRES, POSTGRESQL          `postgres`                ``sql``
SQLITE                        `sqlite`                  ``sql``
DUCKDB                        `duckdb`                  ``sql``
BIGQUERY                      `bigquery`                ``bigquery``
KAFKA                         `kafka`                   ``kafka``
============================  ========================  =====================

Each module's docstring says which keys its details may have and which column types come back. A driver is imported
when it is first needed.
"""

from __future__ import annotations

from jupyter_wallaroo.sdk.connectors.connector import Connector
from jupyter_wallaroo.sdk.connectors.failures import ConnectorError
from jupyter_wallaroo.sdk.connectors.registry import connector_for

__all__ = ["Connector", "ConnectorError", "connector_for"]

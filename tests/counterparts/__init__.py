"""The real things that connectors talk to, on the loopback, for as long as a ``with`` lasts.

======================  ==============================================================================
`postgres`              PostgreSQL with a password
`s3`                    moto's S3 with one bucket
`kafka`                 librdkafka's mock cluster
`http_files`            a folder behind HTTP that takes PUT and POST
`bigquery`              bqemulator, and a service account's key whose tokens come from the loopback
`enterprise_gateway`    a Jupyter Enterprise Gateway, installed and not started: what starts it
======================  ==============================================================================

Each yields the details of a connection, and what a test needs besides. What is not installed is a `Missing`.
"""

from __future__ import annotations

from tests.counterparts.bigquery import BigQueryService, bigquery
from tests.counterparts.gateway import GatewayProgram, enterprise_gateway
from tests.counterparts.http_files import HttpFiles, http_files
from tests.counterparts.kafka import kafka
from tests.counterparts.postgres import postgres
from tests.counterparts.processes import Missing
from tests.counterparts.s3 import s3

__all__ = [
    "BigQueryService",
    "GatewayProgram",
    "HttpFiles",
    "Missing",
    "bigquery",
    "enterprise_gateway",
    "http_files",
    "kafka",
    "postgres",
    "s3",
]

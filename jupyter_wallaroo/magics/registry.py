"""All verbs, in the order in which help lists them. A new one is a module in ``verbs/`` and its line here."""

from __future__ import annotations

from jupyter_wallaroo.magics.verb import Verb
from jupyter_wallaroo.magics.verbs import (
    bench,
    connect,
    connection,
    deploy,
    doctor,
    history,
    infer,
    listing,
    logs,
    panel,
    status,
    task,
    undeploy,
    upload,
    workspace,
)

VERBS: tuple[Verb, ...] = (
    connect.VERB,
    workspace.VERB,
    listing.VERB,
    doctor.VERB,
    upload.VERB,
    deploy.VERB,
    infer.VERB,
    status.VERB,
    logs.VERB,
    history.DIFF,
    history.ROLLBACK,
    undeploy.VERB,
    bench.VERB,
    connection.VERB,
    task.VERB,
    panel.VERB,
)
"""Without a verb, a line is `verbs.glance`."""

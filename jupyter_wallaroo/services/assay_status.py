"""How an assay's windows and the assay itself are, in the words of the wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from jupyter_wallaroo.errors import WallarooError
from jupyter_wallaroo.types.assay_definition import Definition, Target
from jupyter_wallaroo.types.drift import PathAnalysis, Status, WindowAnalysis
from jupyter_wallaroo.types.names import instant

WORST_LAST = (Status.OK, Status.WARNING, Status.ALERT)


def of(score: float, warning: float | None, alert: float | None) -> Status:
    """Return what a score means: what is above a threshold has passed it."""
    if alert is not None and score > alert:
        return Status.ALERT
    return Status.WARNING if warning is not None and score > warning else Status.OK


def of_window(definition: Definition, window: WindowAnalysis) -> Status:
    """Return the worst of a window's paths; one that could not be scored is a warning."""
    return max(
        (_of_path(target, window.paths[target.path.label]) for target in definition.targets), key=WORST_LAST.index
    )


def _of_path(target: Target, analysis: PathAnalysis) -> Status:
    return Status.WARNING if analysis.score is None else of(analysis.score.score, target.warning, target.alert)


def ran(now_ms: int, found: Sequence[Status]) -> str:
    """Return an assay's status after a run, as the tutorials show it."""
    counts = Counter(found)
    said = {
        "run_at": moment(now_ms),
        "num_ok": counts[Status.OK],
        "num_warnings": counts[Status.WARNING],
        "num_alerts": counts[Status.ALERT],
    }
    return msgspec.json.encode(said).decode()


def refused(now_ms: int, error: WallarooError) -> str:
    """Return an assay's status after a run that could not be: why."""
    return msgspec.json.encode({"run_at": moment(now_ms), "error": str(error)}).decode()


def moment(time_ms: int) -> str:
    """Return an instant as the wire has it."""
    return instant(datetime.fromtimestamp(time_ms / 1000, UTC))

"""Audit records: who changed what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_wallaroo.sdk import display
from jupyter_wallaroo.types.audit import AuditPage, AuditRecord, ListAudit

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.client import Client

_SHORT = 8


class AuditRecords(display.Listing[AuditRecord]):
    """Audit records, newest first."""

    headings = ("id", "time", "user", "action", "of", "by", "before", "after")
    nothing = "(no audit records)"

    def line(self, item: AuditRecord) -> tuple[object, ...]:
        """Return the cells of one record."""
        subject = f"pipeline {item.pipeline}" if item.pipeline is not None else f"model {item.model}"
        before, after = _short(item.before), _short(item.after)
        return item.id, item.at, item.username, item.action.value, subject, item.via, before, after

    def __str__(self) -> str:
        if not self:
            return self.nothing
        return "\n".join("  ".join(str(cell) for cell in self.line(item)) for item in self)


def _short(state: dict[str, Any] | None) -> str:
    """Return a state in a word: the version, and the deployment when it is one."""
    if state is None:
        return ""
    if "version" not in state:
        return f"configuration {state.get('id', '')}".strip()
    said = [str(state["version"])[:_SHORT], f"as {state['deployment']}" if "deployment" in state else ""]
    return " ".join(said).strip()


def fetch(
    client: Client, *, pipeline: str | None, workspace_id: int | None, limit: int, before_id: int | None
) -> AuditRecords:
    """Return records, see `Client.audit`."""
    request = ListAudit(pipeline=pipeline, workspace_id=workspace_id, limit=limit, before_id=before_id)
    return AuditRecords(client.api.call("audit/list", request, AuditPage).records)

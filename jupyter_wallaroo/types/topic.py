"""The name by which the vendor's clients ask for an inference log (contract/inference.md, Logs)."""

from __future__ import annotations

import re

from msgspec import Struct

from jupyter_wallaroo.types.names import MAX_DIGITS

_TOPIC = re.compile(rf"workspace-(\d{{1,{MAX_DIGITS}}})-pipeline-(.+)-inference(-failures)?")


class Topic(Struct, frozen=True, kw_only=True):
    """A pipeline's log: all of it, or only the records that failed a validation.

    Examples
    --------
    >>> str(Topic(workspace_id=1, pipeline_name="house"))
    'workspace-1-pipeline-house-inference'
    >>> Topic.parse("workspace-1-pipeline-house-inference-failures").has_failures_only
    True
    """

    workspace_id: int
    pipeline_name: str
    has_failures_only: bool = False

    def __str__(self) -> str:
        end = "-failures" if self.has_failures_only else ""
        return f"workspace-{self.workspace_id}-pipeline-{self.pipeline_name}-inference{end}"

    @classmethod
    def parse(cls, text: str) -> Topic | None:
        """Return the topic that ``text`` names, None when it is none of ours."""
        found = _TOPIC.fullmatch(text)
        if found is None:
            return None
        workspace_id, name, failures = found.groups()
        return cls(workspace_id=int(workspace_id), pipeline_name=name, has_failures_only=failures is not None)

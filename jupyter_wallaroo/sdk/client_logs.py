"""What a client reads of logs by their topics, as the vendor's clients name them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_wallaroo.sdk import inference_log
from jupyter_wallaroo.sdk.inference import Fields
from jupyter_wallaroo.sdk.inference_log import Query
from jupyter_wallaroo.types.inference_log import GetTopicName, TopicName

if TYPE_CHECKING:
    from datetime import datetime

    from jupyter_wallaroo.sdk.api import Api
    from jupyter_wallaroo.sdk.frames import ResultStyle
    from jupyter_wallaroo.sdk.inference import Result


class LogReading:
    """A client as those see it who read logs by topic; `Pipeline.logs` is what most want."""

    api: Api
    result_style: ResultStyle

    def get_topic_name(self, pipeline_pk_id: int) -> str:
        """Return the topic under which the log of the pipeline with an id is read."""
        return self.api.call(
            "plateau/get_topic_name", GetTopicName(pipeline_pk_id=pipeline_pk_id), TopicName
        ).topic_name

    def get_logs(  # noqa: PLR0917  the vendor's signature
        self,
        topic: str,
        limit: int | None = None,
        start_datetime: datetime | None = None,
        end_datetime: datetime | None = None,
        dataset: Sequence[str] | None = None,
        dataset_exclude: Sequence[str] | None = None,
        dataset_separator: str | None = None,
        directory: str | Path | None = None,
        file_prefix: str | None = None,
        data_size_limit: str | None = None,
        arrow: bool = False,  # noqa: FBT001, FBT002
    ) -> tuple[Result | None, str]:
        """Return the records of a topic, and how they ended; or write them to files and return None for them.

        Parameters
        ----------
        topic
            As `get_topic_name` gives it; with ``-failures`` at its end, only records that failed a validation.
        directory, file_prefix, data_size_limit
            Where files are written, and up to how much, as `Pipeline.export_logs` does; default: none are written.

        Returns
        -------
        tuple
            The records as `Pipeline.logs` gives them; and ``All``, ``RecordLimited``, ``ByteLimited`` or
            ``SchemaChange``.
        """
        fields = Fields(dataset, dataset_exclude, dataset_separator)
        query = Query.of_topic(topic, limit, start_datetime, end_datetime, fields)
        if directory is None:
            return inference_log.read(self.api, query, self.result_style, arrow=arrow)
        _, status = inference_log.export(
            self.api,
            query,
            self.result_style,
            directory=Path(directory),
            prefix=file_prefix or topic,
            max_bytes=inference_log.size_bytes(data_size_limit),
            arrow=arrow,
        )
        return None, status

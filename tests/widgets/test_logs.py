"""The log panel against a real server, message by message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from jupyter_wallaroo.sdk.pipeline import Pipeline
from tests.widgets.conversation import Conversation, Refused


def test_records_are_read_newest_first(pipeline: Pipeline) -> None:
    with Conversation(pipeline.panel("logs")) as talk:
        found = talk.ask("read")
    assert (found["grid"]["total"], found["anomalies"], found["has_more"]) == (12, 2, False)
    assert [row["failed"] for row in found["grid"]["rows"]][:3] == [["too_high"], ["too_high"], []]
    assert found["series"][:2] == ["out.y[0]", "out_challenger.y[0]"]
    assert len(found["versions"]) == 2
    assert found["oldest"] <= found["newest"]


def test_filters(pipeline: Pipeline) -> None:
    with Conversation(pipeline.panel("logs")) as talk:
        assert talk.ask("read", which="failed")["grid"]["total"] == 2
        assert talk.ask("read", which="passed")["grid"]["total"] == 10
        future = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        assert talk.ask("read", start=future)["grid"]["rows"] == []
        assert talk.ask("read", end=future)["grid"]["total"] == 12
        with pytest.raises(Refused, match="From: expected a time such as"):
            talk.ask("read", start="yesterday")
        with pytest.raises(Refused, match="Invalid enum value 'some'"):
            talk.ask("read", which="some")


def test_older_records_follow(pipeline: Pipeline) -> None:
    with Conversation(pipeline.panel("logs")) as talk:
        with pytest.raises(Refused, match="No records were read yet"):
            talk.ask("more")
        assert talk.ask("read", limit=5)["grid"]["total"] >= 5
        while talk.ask("more")["has_more"]:
            pass
        talk.ask("download", format="arrow")
    table = pa.ipc.open_file(talk.buffers[0]).read_all()
    assert table.num_rows == 12
    times = table.column("time").to_pylist()
    assert times == sorted(times, reverse=True)


def test_champion_and_challenger_are_compared(pipeline: Pipeline) -> None:
    with Conversation(pipeline.panel("logs")) as talk:
        series = talk.ask("read", which="all")["series"]
        found = talk.ask("count", series=0, other_series=series.index("out_challenger.y[0]"))
    champion, challenger = found["groups"]
    # 12 records have the champion's result, the 10 of the second version the challenger's
    assert (champion["count"], challenger["count"]) == (12, 10)
    assert champion["mean"] == np.mean([1, 2, *range(10)])
    assert challenger["mean"] == np.mean([2 * number for number in range(10)])
    assert sum(champion["bins"]) == 12 and sum(challenger["bins"]) == 10
    assert len(found["edges"]) == len(champion["bins"]) + 1


def test_two_versions_are_compared(pipeline: Pipeline) -> None:
    with Conversation(pipeline.panel("logs")) as talk:
        talk.ask("read")
        newer, older = talk.ask("count", series=0, versions=[0, 1])["groups"]
        with pytest.raises(Refused, match="changed meanwhile"):
            talk.ask("count", series=0, versions=[0, 7])
    assert (newer["count"], older["count"]) == (10, 2)
    assert (older["least"], older["greatest"]) == (1.0, 2.0)

"""Tags on pipelines and model versions, and finding both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jupyter_wallaroo.errors import InvalidRequest, NotFound
from jupyter_wallaroo.sdk import Client, pages
from jupyter_wallaroo.sdk.pipeline import Pipeline
from tests.sdk.conftest import unique


def test_a_pipeline_shows_its_tags(wl: Client) -> None:
    """In the order they were made; nothing where there are none (S2-24)."""
    pipeline = wl.build_pipeline(unique("tagged"))
    assert "<tr><th>tags</th> <td></td></tr>" in pipeline._repr_html_()
    first, second = wl.create_tag(unique("My Great Tag")), wl.create_tag(unique("other"))
    second.add_to_pipeline(pipeline.id())
    first.add_to_pipeline(pipeline)
    first.add_to_pipeline(pipeline)
    assert pipeline.tags() == [first, second]
    assert f"<tr><th>tags</th> <td>{first.tag()}, {second.tag()}</td></tr>" in pipeline._repr_html_()
    assert f"<td>{first.tag()}, {second.tag()}</td>" in wl.list_pipelines()._repr_html_()
    assert first.list_pipelines() == [pipeline]
    first.remove_from_pipeline(pipeline)
    first.remove_from_pipeline(pipeline.id())
    assert pipeline.tags() == [second]
    assert first.list_pipelines() == []


def test_a_model_version_has_tags_of_its_own(wl: Client, model_file: Path) -> None:
    """Of two versions, only the one that was tagged."""
    name = unique("model")
    older, newer = (wl.upload_model(name, model_file) for _ in range(2))
    tag = wl.create_tag(unique("checked"))
    tag.add_to_model(newer)
    tag.add_to_model(newer.id())
    assert (older.tags(), newer.tags()) == ([], [tag])
    assert tag.list_models() == [newer]
    assert [version.tags() for version in wl.search_models(name)] == [[tag], []]
    tag.remove_from_model(newer)
    assert newer.tags() == []


def test_the_same_words_are_the_same_tag(wl: Client) -> None:
    """In any case: a notebook that is run again finds its own."""
    words = unique("Twice")
    tag = wl.create_tag(words)
    assert wl.create_tag(words.upper()) == tag
    assert wl.create_tag(words.upper()).tag() == words
    assert len({tag, wl.create_tag(words)}) == 1
    assert repr(tag) == f"Tag(id={tag.id()}, tag={words!r})"
    assert f"<td>{words}</td>" in tag._repr_html_()


def test_all_tags_are_listed_with_what_has_them(wl: Client, model_file: Path) -> None:
    pipeline = wl.build_pipeline(unique("listed"))
    version = wl.upload_model(unique("listed-model"), model_file)
    made = [wl.create_tag(unique("listed")) for _ in range(3)]
    made[0].add_to_pipeline(pipeline)
    made[0].add_to_model(version)
    listed = wl.list_tags()
    assert listed[-3:] == made
    html = listed[-3:]._repr_html_()
    assert html.startswith("<table><tr><th>id</th><th>tag</th><th>models</th><th>pipelines</th></tr>")
    assert f"<td>{version.name()} ({version.version()})</td><td>{pipeline.name()}</td>" in html


def test_mistakes_are_named(wl: Client) -> None:
    tag = wl.create_tag(unique("mistaken"))
    with pytest.raises(NotFound, match="Pipeline 999999 does not exist"):
        tag.add_to_pipeline(999_999)
    with pytest.raises(NotFound, match="Model version 999999 does not exist"):
        tag.remove_from_model(999_999)
    with pytest.raises(TypeError, match="expected a Pipeline or the id of one; got str"):
        tag.add_to_pipeline("house")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected a ModelVersion"):
        tag.add_to_model(wl.build_pipeline(unique("p")))  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="cannot be the name of a tag"):
        wl.create_tag("<b>bold</b>")


def test_pipelines_are_found_by_what_is_known_of_them(wl: Client, model_file: Path) -> None:
    """Words in the name or a tag, a whole tag, deployed or not, times; the newest first."""
    stem = unique("Find")
    before = datetime.now(UTC)
    idle, running = (wl.build_pipeline(f"{stem}-{end}") for end in ("idle", "running"))
    between = datetime.now(UTC)
    other = wl.build_pipeline(unique("else"))
    tag = wl.create_tag(f"tag {stem}")
    tag.add_to_pipeline(other)
    running.add_model_step(wl.upload_model("m", model_file)).deploy()

    def names(**how: object) -> list[str]:
        return [item.name() for item in wl.search_pipelines(**how)]  # type: ignore[arg-type]

    both = [running.name(), idle.name()]
    try:
        assert names(search_term=stem.upper()) == [other.name(), *both]
        assert names(search_term=f"{stem}-") == both
        assert names(tag=tag.tag().lower()) == [other.name()]
        assert names(tag=stem) == []
        assert names(search_term=stem, deployed=True) == [running.name()]
        assert names(search_term=stem, deployed=False) == [other.name(), idle.name()]
        assert names(search_term=stem, created_start=before, created_end=between) == both
        assert names(search_term=stem, created_start=between) == [other.name()]
        assert names(search_term=stem, updated_start=between) == [other.name(), running.name()]
        assert names(search_term=stem, updated_end=before) == []
        assert names(search_term=stem, limit=2) == [other.name(), running.name()]
        assert names(search_term=stem, workspace_id=1) == []
        assert names(search_term="100%_'; DROP TABLE tags") == []
    finally:
        running.undeploy()
    assert names(search_term=stem, deployed=True) == []


def test_model_versions_are_found_by_what_is_known_of_them(wl: Client, model_file: Path, summing: Pipeline) -> None:
    name = unique("Findable")
    before = datetime.now(UTC)
    first, second = (wl.upload_model(name, model_file) for _ in range(2))
    tag = wl.create_tag(unique("model tag"))
    tag.add_to_model(first)
    assert wl.search_models(name.lower()) == [second, first]
    assert wl.search_models(first.version()) == [first]
    assert wl.search_models("summer.onnx", uploaded_time_start=before) == [second, first]
    assert wl.search_models(tag=tag.tag()) == wl.search_models(tag.tag()[:-2]) == [first]
    assert wl.search_models(name, uploaded_time_end=before) == []
    assert wl.search_models(name, deployed=True) == []
    assert wl.search_models(name, deployed=False, limit=1) == [second]
    running = wl.search_models(deployed=True, workspace_id=wl.get_current_workspace().id())
    assert [step["name"] for step in summing.steps()[0]["ModelInference"]["models"]] <= [v.name() for v in running]


def test_all_pages_are_walked(wl: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE_SIZE", 2)
    stem = unique("page")
    made = [wl.build_pipeline(f"{stem}-{number}") for number in range(5)]
    assert wl.search_pipelines(stem) == made[::-1]
    assert wl.search_pipelines(stem, limit=3) == made[:1:-1]
    assert wl.search_pipelines(stem, limit=4) == made[:0:-1]


def test_a_time_is_a_datetime(wl: Client) -> None:
    with pytest.raises(TypeError, match="created_start: expected a datetime; got str"):
        wl.search_pipelines(created_start="yesterday")  # type: ignore[arg-type]
    naive = datetime.now() - timedelta(seconds=1)
    name = unique("naive")
    wl.build_pipeline(name)
    assert [item.name() for item in wl.search_pipelines(name, created_start=naive)] == [name]

"""Definitions of Haystack pipelines are refused for what they name, before anything of it is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_wallaroo.engine import runtimes
from jupyter_wallaroo.engine.runtimes.haystack import documents
from jupyter_wallaroo.engine.runtimes.haystack.definition import MAX_TEXT_BYTES, read
from jupyter_wallaroo.engine.runtimes.haystack.sockets import Sockets, described
from jupyter_wallaroo.errors import InvalidInput, InvalidModel, InvalidUpload
from jupyter_wallaroo.types.framework import Framework
from jupyter_wallaroo.types.plan import Inspect
from tests import haystack_pipelines as made
from tests.framework_models import zipped_files

LABEL = "'p.yaml'"
ADAPTER = "haystack.components.converters.output_adapter.OutputAdapter"
JOINER = "haystack.components.joiners.branch.BranchJoiner"


def component(kind: str = made.PROMPT, **settings: Any) -> dict[str, Any]:
    return {"c": {"type": kind, "init_parameters": settings}}


def test_what_haystack_writes_is_read() -> None:
    """A pipeline that Haystack itself dumped, with a store, a prompt, types and templates in it."""
    program = """
from haystack import Pipeline
from haystack.components.builders import ChatPromptBuilder, PromptBuilder
from haystack.components.converters import OutputAdapter
from haystack.components.joiners import BranchJoiner, DocumentJoiner
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.components.routers import ConditionalRouter
from haystack.dataclasses import ChatMessage, Document
from haystack.document_stores.in_memory import InMemoryDocumentStore
pipe = Pipeline(metadata={"documents": ["a"]})
pipe.add_component("retriever", InMemoryBM25Retriever(InMemoryDocumentStore(embedding_similarity_function="cosine")))
pipe.add_component("prompt", PromptBuilder("{{ documents }}", required_variables="*"))
pipe.add_component("chat", ChatPromptBuilder([ChatMessage.from_user("{{ x }}")], required_variables=["x"]))
pipe.add_component("adapter", OutputAdapter("{{ documents | length }}", output_type=int))
pipe.add_component("branch", BranchJoiner(list[Document]))
route = {"condition": "{{ n > 1 }}", "output": "{{ n }}", "output_name": "m", "output_type": int}
pipe.add_component("router", ConditionalRouter([route]))
pipe.connect("retriever", "branch")
pipe.connect("branch", "prompt.documents")
print(pipe.dumps())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=120)
    found = read(done.stdout, LABEL)
    assert list(found.types) == ["adapter", "branch", "chat", "prompt", "retriever", "router"]
    assert found.types["retriever"] == made.RETRIEVER
    assert found.documents == [{"content": "a"}]
    assert found.unconfined() == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"[1, 2]", "a Haystack pipeline should be a mapping with 'components' and 'connections'; got [1, 2]"),
        (b"components: {a: b", "is not YAML of plain values"),
        (b"!!python/object/apply:os.system ['touch x']", "is not YAML of plain values"),
        (b"components: !!python/name:os.system ''\nconnections: []", "is not YAML of plain values"),
        (b"\x00\x01", "is not YAML of plain values"),
        (b"[" * 5000, "is not YAML"),
        (b"connections: []", "'components' should be a mapping with components by name; got nothing"),
        (b"components: {c: 1}\nconnections: []", "component 'c' should be a mapping with 'type'"),
        (b"components: {c: {}}\nconnections: []", "component 'c' has no type"),
        (b"components: {a.b: {type: x}}\nconnections: []", "component 'a.b' has a dot in its name"),
        (b"#" * (MAX_TEXT_BYTES + 1), "bytes of YAML; at most"),
    ],
)
def test_what_is_no_definition(text: bytes, expected: str) -> None:
    with pytest.raises(InvalidModel) as caught:
        read(text, LABEL)
    assert expected in caught.value.message


def test_a_few_lines_do_not_unfold_without_end() -> None:
    """Ten aliases of ten aliases of …: 10^9 values in 200 bytes."""
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(InvalidModel, match="more than 200000 values, aliases unfolded"):
        read("\n".join(lines).encode(), LABEL)


@pytest.mark.parametrize(
    "kind",
    [
        "os.system",
        "subprocess.Popen",
        "my_package.Component",
        "haystack",
        "haystack.utils.callable_serialization.deserialize_callable",
        "haystackish.Thing",
        "haystack.components.builders.prompt_builder.PromptBuilder ",
        "Haystack.x.Y",
        "haystack..X",
    ],
)
def test_only_haystacks_classes_are_named(kind: str) -> None:
    """As a component, and as anything that a setting holds."""
    with pytest.raises(InvalidModel, match="expected a class of haystack or haystack_integrations"):
        read(made.definition(component(kind)), LABEL)
    if "." in kind:
        nested = component(
            made.RETRIEVER, document_store={"type": kind, "init_parameters": {}}, more=[{"type": made.STORE}]
        )
        with pytest.raises(InvalidModel, match=r"component 'c' has the type in 'document_store\.type'"):
            read(made.definition(nested), LABEL)


GENERATOR = "haystack.components.generators.openai.OpenAIGenerator"
TOOL = {"type": "haystack.tools.tool.Tool", "data": {"name": "t", "function": "os.system"}}


@pytest.mark.parametrize(
    ("kind", "settings", "expected"),
    [
        (GENERATOR, {"streaming_callback": "os.system"}, "setting 'streaming_callback' names a function ('os.system')"),
        (ADAPTER, {"custom_filters": {"f": "os.system"}}, "setting 'custom_filters' names a function"),
        (ADAPTER, {"custom_filters": {"type": made.STORE, "f": "os.system"}}, "'custom_filters' names a function"),
        (GENERATOR, {"tools": [TOOL]}, "setting 'tools.0.data.function' names a function"),
        (GENERATOR, {"hooks": {"on_end": ["a.b"]}}, "setting 'hooks' names a function"),
        (ADAPTER, {"unsafe": True}, "setting 'unsafe' is True: a definition is not let run code"),
        (GENERATOR, {"x": {"trust_remote_code": True}}, "setting 'x.trust_remote_code' is True"),
        (JOINER, {"type_": "this.Type"}, "setting 'type_' names the type 'this.Type'"),
        (ADAPTER, {"output_type": "list[this.Type]"}, "setting 'output_type' names the type 'this.Type'"),
        (made.ROUTER, {"routes": [{"output_type": ["str", "a.B"]}]}, "'routes.0.output_type' names the type 'a.B'"),
    ],
)
def test_settings_that_would_run_code(kind: str, settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(InvalidModel) as caught:
        read(made.definition(component(kind, **settings)), LABEL)
    assert expected in caught.value.message


def test_the_attack_works_where_it_is_let(tmp_path: Path) -> None:
    """Otherwise the tests above would show nothing: Haystack calls a function that a definition names."""
    marker = tmp_path / "marker"
    text = made.definition(
        component(ADAPTER, template="{{ path | f }}", output_type="str", custom_filters={"f": "os.mkdir"}, unsafe=True)
    )
    program = f"""
from inspect import signature
from haystack import Pipeline
unlisted = {{"unsafe": True}} if "unsafe" in signature(Pipeline.loads).parameters else {{}}  # since Haystack 3
Pipeline.loads({text!r}, **unlisted).run({{"c": {{"path": {str(marker)!r}}}}})
"""
    variables = os.environ | {"HAYSTACK_TELEMETRY_ENABLED": "False"}
    subprocess.run([sys.executable, "-c", program], env=variables, capture_output=True, check=False, timeout=120)
    assert marker.is_dir()
    with pytest.raises(InvalidModel, match="names a function"):
        read(text, LABEL)


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        (("retriver.documents", "c.x"), "connections[0].sender names the component 'retriver'"),
        (("c.prompt", "d"), "connections[0].receiver names the component 'd'"),
    ],
)
def test_connections_join_components_that_there_are(connection: tuple[str, str], expected: str) -> None:
    parts = {**component(), "retriever": made.retriever()}
    with pytest.raises(InvalidModel) as caught:
        read(made.definition(parts, connection), LABEL)
    assert expected in caught.value.message
    if "retriver" in expected:
        assert caught.value.hint == "Did you mean 'retriever'?"


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({"inputs": {"q": "x.query"}}, "inputs.q names the component 'x'"),
        ({"inputs": {"q": []}}, "inputs.q should be 'component.name'"),
        ({"outputs": {"q": ["c.prompt", "c.x"]}}, "outputs.q should be one 'component.name'"),
        ({"outputs": ["c"]}, "'outputs' should be a mapping"),
    ],
)
def test_declared_columns_name_components(declared: dict[str, Any], expected: str) -> None:
    with pytest.raises(InvalidModel) as caught:
        read(made.definition(component(), **declared), LABEL)
    assert expected in caught.value.message


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{", "line 2 is not JSON"),
        ("3", "line 2 should be a text or a mapping with 'content'; got '3'"),
        ('{"meta": {}}', "line 2 has no 'content'; it has ['meta']"),
        ('{"content": 1}', "line 2: 'content' should be text; got '1'"),
        ('{"content": "a", "meta": {"b": 1}, "c": 2}', "line 2 has 'meta' and also ['c']"),
    ],
)
def test_a_line_that_is_no_document(line: str, expected: str) -> None:
    with pytest.raises(InvalidModel) as caught:
        documents.read_lines(f'"fine"\n{line}\n'.encode(), "documents.jsonl")
    assert expected in caught.value.message


def looked_into(tmp_path: Path, body: bytes, *, allows_code: bool = True) -> str:
    path = tmp_path / "upload"
    path.write_bytes(body)
    request = Inspect(path=str(path), label=LABEL, framework=Framework.HAYSTACK, allows_code=allows_code)
    return runtimes.check(request).note or ""


def test_the_note_says_what_it_is(tmp_path: Path) -> None:
    assert looked_into(tmp_path, made.bm25()) == "Haystack pipeline of retriever (InMemoryBM25Retriever); 4 documents"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"other__yaml": made.bm25()}, "has no pipeline.yaml; it has ['other.yaml']"),
        ({"pipeline__yaml": b"[]"}, "pipeline.yaml in 'p.yaml': a Haystack pipeline should be"),
        ({"pipeline__yaml": made.bm25(), "documents__jsonl": b"x"}, "documents.jsonl in 'p.yaml', line 1 is not JSON"),
        ({"../pipeline__yaml": made.bm25()}, "no plain path below it"),
    ],
)
def test_archives_that_are_none(tmp_path: Path, files: dict[str, bytes], expected: str) -> None:
    with pytest.raises(InvalidUpload) as caught:
        looked_into(tmp_path, zipped_files(**files))
    assert expected in caught.value.message


def test_without_code_only_confined_components(tmp_path: Path) -> None:
    """Those that the operator's switch leaves (SECURITY C4): a fetcher calls elsewhere, a converter reads any file."""
    assert looked_into(tmp_path, made.bm25(), allows_code=False)
    for kind in (
        "haystack.components.fetchers.link_content.LinkContentFetcher",
        "haystack.components.converters.txt.TextFileToDocument",
        "haystack_integrations.components.embedders.x.Y",
    ):
        body = made.definition(component(kind))
        assert looked_into(tmp_path, body)
        with pytest.raises(InvalidModel, match=f"{kind}.*switched off on this server"):
            looked_into(tmp_path, body, allows_code=False)
        body = made.definition(component(made.RETRIEVER, document_store={"type": kind}))
        with pytest.raises(InvalidModel, match=kind):
            looked_into(tmp_path, body, allows_code=False)


def test_columns_find_sockets_by_any_name_that_is_clear() -> None:
    found = described({"a": {"q": {"type": str}, "x": {"type": int}}, "b": {"q": {"type": str}}})
    sockets = Sockets("input", found, {"both": ["a.q", "b.q"]})
    names = {name: [str(socket) for socket in sockets.find(name, "m")] for name in ("x", "a.x", "b.q", "both")}
    assert names == {"x": ["a.x"], "a.x": ["a.x"], "b.q": ["b.q"], "both": ["a.q", "b.q"]}
    with pytest.raises(InvalidInput, match=r"may be any of the inputs 'a\.q', 'b\.q'"):
        sockets.find("q", "m")
    with pytest.raises(InvalidInput, match=r"'z' of model 'm' is no input .*\['a\.q', 'a\.x', 'b\.q'\]"):
        sockets.find("z", "m")
    with pytest.raises(InvalidInput, match=r"inputs\.both of the definition is no input"):
        Sockets("input", found[:1], {"both": ["a.q", "b.q"]})
    assert list(Sockets("output", found, {}).names()) == ["a.q", "b.q", "x"]


def test_telemetry_is_off(tmp_path: Path) -> None:
    """Haystack's telemetry makes an id in the home directory when it is on; loading a model of ours does not."""
    path = tmp_path / "p.yaml"
    path.write_bytes(made.bm25())
    load = f"""
import hashlib
from jupyter_wallaroo.engine import runtimes
from jupyter_wallaroo.types.framework import Framework, Runtime
from jupyter_wallaroo.types.plan import PlannedModel
sha = hashlib.sha256(open({str(path)!r}, "rb").read()).hexdigest()
runtimes.load(PlannedModel(name="m", version="v", sha=sha, path={str(path)!r}, file_sha=sha,
              framework=Framework.HAYSTACK, runtime=Runtime.FLIGHT), 1)
"""
    for program, writes in (("import haystack.telemetry._telemetry", True), (load, False)):
        home = tmp_path / f"home-{writes}"
        home.mkdir()
        variables = {name: value for name, value in os.environ.items() if not name.startswith("HAYSTACK")}
        subprocess.run([sys.executable, "-c", program], env=variables | {"HOME": str(home)}, check=True, timeout=120)
        assert (home / ".haystack").exists() == writes

"""Haystack pipelines as models: uploaded, deployed, asked, replaced, over REST and with the real library."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pyarrow as pa
import pytest

from tests import haystack_pipelines as made
from tests.deploying import (
    READY_LIMIT_S,
    begin_conversion,
    convert,
    definition,
    deploy,
    finish_conversion,
    infer,
    post,
    schema_text,
)
from tests.framework_models import zipped_files

FRAMEWORK = "haystack"


def served(
    client: httpx.Client, name: str, body: bytes, rows: list[dict[str, Any]], file_name: str = "p.yaml", **schemas: Any
) -> list[dict[str, Any]]:
    """Upload a definition, deploy it, ask it once, undeploy it."""
    texts = {field: schema_text(schema) for field, schema in schemas.items()}
    deployed = deploy(client, name, [convert(client, body, name, FRAMEWORK, file_name, **texts)])
    try:
        return infer(client, deployed.url, rows)
    finally:
        post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)


def said_at_deploy(client: httpx.Client, name: str, body: bytes, **schemas: Any) -> str:
    """Deploy what cannot run, wait until that is known, and return what is said of it."""
    texts = {field: schema_text(schema) for field, schema in schemas.items()}
    version = convert(client, body, name, FRAMEWORK, "p.yaml", **texts)
    made = {"pipeline_id": name, "workspace_id": version["workspace_id"], "definition": definition(version)}
    number = post(client, "pipelines/create", **made)["pipeline_variant_pk_id"]
    deployment_id = post(client, "pipelines/deploy", deploy_id=name, pipeline_version_pk_id=number)["id"]
    until = time.monotonic() + READY_LIMIT_S
    while (status := post(client, "status/get_deployment", name=f"{name}-{deployment_id}"))["status"] != "Error":
        assert status["status"] == "Starting" and time.monotonic() < until, status
        time.sleep(0.05)
    post(client, "pipelines/undeploy", deployment_id=deployment_id)
    return str(status["details"])


def test_a_search_gives_documents_as_haystack_itself_does(client: httpx.Client) -> None:
    """BM25 over the documents of the definition: order, scores and fields are those of Haystack called directly."""
    from haystack import Document, Pipeline

    body = made.bm25(top_k=2)
    rows = [{"query": "slow river of ice"}, {"query": "flour"}]
    answers = served(client, "hs-bm25", body, rows)
    pipe = Pipeline.loads(body)
    documents = [{"content": item} if isinstance(item, str) else item for item in made.DOCUMENTS]
    pipe.get_component("retriever").document_store.write_documents([Document.from_dict(item) for item in documents])
    for row, answer in zip(rows, answers, strict=True):
        expected = pipe.run({"retriever": row})["retriever"]["documents"]
        assert answer == {
            "documents": [
                {
                    "id": item.id,
                    "content": item.content,
                    "score": item.score,
                    "meta": json.dumps(item.meta, sort_keys=True),
                }
                for item in expected
            ]
        }
    assert answers[0]["documents"][0]["content"].startswith("A glacier")


def test_an_archive_brings_its_documents(client: httpx.Client) -> None:
    """As JSON lines beside pipeline.yaml; parameters of the retriever are columns too, null leaves them as they are."""
    lines = "\n\n".join(json.dumps(item) for item in made.DOCUMENTS)
    body = zipped_files(pipeline__yaml=made.definition({"search": made.retriever(top_k=2)}), documents__jsonl=lines)
    rows = [{"search.query": "river", "top_k": 1}, {"search.query": "river", "top_k": None}]
    answers = served(client, "hs-zip", body, rows, "p.zip")
    assert [len(row["documents"]) for row in answers] == [1, 2]


def test_files_lie_beside_the_definition(client: httpx.Client) -> None:
    """Also where the archive has a folder; each replica has a copy of its own."""
    reader = {"type": "haystack.components.converters.txt.TextFileToDocument", "init_parameters": {}}
    files = {"search/pipeline__yaml": made.definition({"reader": reader}), "search/note__txt": "Remember the milk."}
    outputs = pa.schema([("documents", pa.list_(pa.string()))])
    rows = [{"sources": ["note.txt"]}]
    answers = served(client, "hs-files", zipped_files(**files), rows, "p.zip", output_schema=outputs)
    assert answers == [{"documents": ["Remember the milk."]}]


def test_schemas_choose_columns_and_forms(client: httpx.Client) -> None:
    """Outputs that another component takes can be asked for by their full names; text is a document's content."""
    components = {
        "retriever": made.retriever(top_k=1),
        "prompt": {
            "type": made.PROMPT,
            "init_parameters": {"template": "{{ documents[0].content }} {{ question }}", "required_variables": "*"},
        },
    }
    body = made.definition(components, ("retriever.documents", "prompt.documents"), documents=made.DOCUMENTS)
    meta = pa.struct([("topic", pa.string()), ("page", pa.int64())])
    outputs = pa.schema(
        [
            ("prompt", pa.string()),
            ("retriever.documents", pa.list_(pa.struct([("content", pa.string()), ("meta", meta)]))),
        ]
    )
    inputs = pa.schema([("retriever.query", pa.string()), ("question", pa.string())])
    rows = [{"retriever.query": "Lisbon", "question": "Where?"}]
    (answer,) = served(client, "hs-schemas", body, rows, input_schema=inputs, output_schema=outputs)
    lisbon = made.DOCUMENTS[1]
    assert answer == {"prompt": f"{lisbon['content']} Where?", "retriever.documents": [lisbon]}
    outputs = pa.schema([("retriever.documents", pa.list_(pa.string()))])
    (answer,) = served(client, "hs-texts", body, rows, output_schema=outputs)
    assert answer == {"retriever.documents": [lisbon["content"]]}


def test_declared_names_fill_several_inputs(client: httpx.Client) -> None:
    """``inputs`` and ``outputs`` of the definition, as Haystack's own servers read them; data classes become structs."""
    body = made.definition(
        {"retriever": made.retriever(top_k=1), "answers": {"type": made.ANSWERS, "init_parameters": {}}},
        ("retriever.documents", "answers.documents"),
        documents=made.DOCUMENTS,
        inputs={"query": ["retriever.query", "answers.query"], "replies": "answers.replies"},
        outputs={"found": "answers.answers"},
    )
    (row,) = served(client, "hs-declared", body, [{"query": "Berlin", "replies": ["The Spree."]}])
    (answer,) = row["found"]
    assert (answer["data"], answer["query"]) == ("The Spree.", "Berlin")
    assert [item["content"] for item in answer["documents"]] == [made.DOCUMENTS[0]["content"]]


def test_a_router_leaves_the_other_output_null(client: httpx.Client) -> None:
    """Each row takes its own way; Jinja's sandbox runs the conditions."""
    routes = [
        {"condition": "{{ n > 2 }}", "output": "{{ n }}", "output_name": "large", "output_type": "int"},
        {"condition": "{{ n <= 2 }}", "output": "{{ n }}", "output_name": "small", "output_type": "int"},
    ]
    body = made.definition({"router": {"type": made.ROUTER, "init_parameters": {"routes": routes}}})
    answers = served(client, "hs-router", body, [{"n": 1}, {"n": 5}])
    assert answers == [{"large": None, "small": 1}, {"large": 5, "small": None}]


def test_messages_and_documents_come_in_as_structs_or_texts(client: httpx.Client) -> None:
    """Chat messages are structs of role and text; a ranker gets its documents from the request."""
    template = [{"role": "user", "content": [{"text": "Tell {{ name }} why."}], "meta": {}, "name": None}]
    body = made.definition(
        {
            "chat": {
                "type": made.CHAT_PROMPT,
                "init_parameters": {"template": template, "required_variables": ["name"]},
            },
            "ranker": {"type": made.META_RANKER, "init_parameters": {"meta_field": "page", "sort_order": "ascending"}},
        },
        outputs={"prompt": "chat.prompt", "ranked": "ranker.documents"},
    )
    documents = [{"content": text, "meta": json.dumps({"page": page})} for text, page in (("b", 2), ("a", 1))]
    (answer,) = served(client, "hs-forms", body, [{"name": "Ada", "documents": documents}])
    assert [(item["role"], item["text"]) for item in answer["prompt"]] == [("user", "Tell Ada why.")]
    assert [item["content"] for item in answer["ranked"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"top_k": 1}, "component 'retriever' needs the input 'query'"),
        ({"query": None}, "component 'retriever' needs the input 'query'; got null in column 'query', row 0"),
        ({"query": 3}, "component 'retriever' of model 'hs-errors' takes for its input 'query' str; got int '3'"),
        ({"query": "a", "topk": 1}, "Column 'topk' of model 'hs-errors' is no input of any component"),
        ({"query": "a", "filters": "no"}, "its input 'filters' a mapping, as JSON text; got str 'no'"),
        ({"query": "a", "filters": '{"operator": "=="}'}, "row 0: component 'retriever' failed: "),
        ({"query": "a", "top_k": "many"}, "takes for its input 'top_k' int; got str 'many'"),
    ],
)
def test_an_error_names_component_and_input(
    client: httpx.Client, search_url: str, row: dict[str, Any], expected: str
) -> None:
    """Each a 400 that says what to send instead."""
    headers = {"Content-Type": "application/json; format=pandas-records"}
    response = client.post(search_url, json=[row], headers=headers)
    assert response.status_code == 400, response.text
    assert expected in response.json()["message"]


@pytest.fixture(scope="module")
def search_url(client: httpx.Client) -> Any:
    deployed = deploy(client, "hs-errors", [convert(client, made.bm25(), "hs-errors", FRAMEWORK, "p.yaml")])
    yield deployed.url
    post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)


def test_filters_are_json_text(client: httpx.Client, search_url: str) -> None:
    """And no hit is an empty list of the same type."""
    only = {"field": "meta.topic", "operator": "=="}
    rows = [{"query": "river", "filters": json.dumps(only | {"value": topic})} for topic in ("ice", "fire")]
    answers = infer(client, search_url, rows)
    assert [[item["content"][:9] for item in row["documents"]] for row in answers] == [["A glacier"], []]


TWO = {"left": made.retriever(), "right": made.retriever()}
CANNOT_RUN: dict[str, tuple[dict[str, Any], dict[str, pa.Schema], str]] = {
    "setting": (
        {"retriever": made.retriever(top_q=1)},
        {},
        "Couldn't deserialize component 'retriever' of class 'InMemoryBM25Retriever'",
    ),
    "package": (
        {"s": {"type": "haystack_integrations.components.nothing.Here", "init_parameters": {}}},
        {},
        "Component 'haystack_integrations.components.nothing.Here' (name: 's') not imported",
    ),
    "column": (
        {"retriever": made.retriever()},
        {"input_schema": pa.schema([("question", pa.string())])},
        "Column 'question' of model 'hs-column' is no input of any component",
    ),
    "ambiguous": (
        TWO,
        {"input_schema": pa.schema([("query", pa.string())])},
        "Column 'query' of model 'hs-ambiguous' may be any of the inputs 'left.query', 'right.query'",
    ),
    "missing": (
        TWO,
        {"input_schema": pa.schema([("left.query", pa.string())])},
        "component 'right' needs the input 'query'; got the columns ['left.query']",
    ),
    "output": (
        {"retriever": made.retriever()},
        {"output_schema": pa.schema([("answers", pa.string())])},
        "Column 'answers' of model 'hs-output' is no output of any component",
    ),
}


@pytest.mark.parametrize("case", CANNOT_RUN)
def test_what_cannot_run_says_why_when_it_is_deployed(client: httpx.Client, case: str) -> None:
    """What only Haystack knows: settings, installed packages, names of inputs and outputs."""
    components, schemas, expected = CANNOT_RUN[case]
    assert expected in said_at_deploy(client, f"hs-{case}", made.definition(components), **schemas)


def test_what_is_no_definition_is_refused_at_upload(client: httpx.Client) -> None:
    """In the background, as for every framework that is converted; the version keeps the reason."""
    response = begin_conversion(client, b"components: {}\nconnections: []\n", "hs-empty", FRAMEWORK, "empty.yaml")
    version = finish_conversion(client, response)
    assert version["status"] == "error"
    assert version["error_summary"] == "'empty.yaml' has no components. Write it with pipeline.dumps()."

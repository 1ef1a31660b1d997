"""Definitions of Haystack pipelines: what a person would write into a cell or save with ``pipeline.dumps()``."""

from __future__ import annotations

import json
from typing import Any

DOCUMENTS: list[Any] = [
    {"content": "The river Spree flows through Berlin.", "meta": {"topic": "river", "page": 1}},
    {"content": "Lisbon lies where the river Tagus meets the ocean.", "meta": {"topic": "river", "page": 2}},
    {"content": "A glacier is a river of ice, and a river of ice is slow.", "meta": {"topic": "ice", "page": 3}},
    "Bread is made of flour, water and salt.",
]

RETRIEVER = "haystack.components.retrievers.in_memory.bm25_retriever.InMemoryBM25Retriever"
STORE = "haystack.document_stores.in_memory.document_store.InMemoryDocumentStore"
PROMPT = "haystack.components.builders.prompt_builder.PromptBuilder"
ANSWERS = "haystack.components.builders.answer_builder.AnswerBuilder"
CHAT_PROMPT = "haystack.components.builders.chat_prompt_builder.ChatPromptBuilder"
ROUTER = "haystack.components.routers.conditional_router.ConditionalRouter"
META_RANKER = "haystack.components.rankers.meta_field.MetaFieldRanker"


def retriever(*, algorithm: str = "BM25L", **settings: Any) -> dict[str, Any]:
    """A BM25 retriever over a store of its own."""
    store = {"type": STORE, "init_parameters": {"bm25_algorithm": algorithm}}
    return {"type": RETRIEVER, "init_parameters": {"document_store": store, **settings}}


def definition(
    components: dict[str, Any], *connections: tuple[str, str], documents: list[Any] | None = None, **more: Any
) -> bytes:
    """A definition as YAML; JSON is YAML too."""
    made: dict[str, Any] = {
        "components": components,
        "connections": [{"sender": sender, "receiver": receiver} for sender, receiver in connections],
        "metadata": {} if documents is None else {"documents": documents},
        **more,
    }
    return json.dumps(made, indent=1).encode()


def bm25(**settings: Any) -> bytes:
    """A BM25 search over `DOCUMENTS`."""
    return definition({"retriever": retriever(**settings)}, documents=DOCUMENTS)

"""Configurations of a search tried out in a notebook: YAML in a cell, served at once, nothing restarted (S3-08)."""

from __future__ import annotations

from pathlib import Path

from jupyter_wallaroo.demo.server import PrivateServer
from tests.kernel import Kernel

FIRST = '''
%load_ext jupyter_wallaroo
import pathlib, threading
import wallaroo
wl = wallaroo.Client()
search = wl.build_pipeline("search")

def try_out(text, pipeline=search):
    pathlib.Path("search.yaml").write_text(text)
    model = wl.upload_model(pipeline.name(), "search.yaml", framework=wallaroo.framework.Framework.HAYSTACK)
    pipeline.clear().add_model_step(model).deploy()
    return pipeline.infer([{"query": "a slow river of ice"}])[0]["out"]

class Asking:
    """Asks a pipeline without a pause, in a thread; counts the answers and keeps those that differ from the last."""
    def __init__(self, pipeline):
        self.count, self.answers, self.errors, self._ends = 0, [], [], False
        self._pipeline, self._thread = pipeline, threading.Thread(target=self._ask)
        self._thread.start()
    def _ask(self):
        while not self._ends:
            try:
                answer = self._pipeline.infer([{"query": "a slow river of ice"}])[0]["out"]
                self.count += 1
                if self.answers[-1:] != [answer]:
                    self.answers.append(answer)
            except Exception as error:
                self.errors.append(repr(error))
    def end(self):
        self._ends = True
        self._thread.join()
'''

# The form in which a person writes one; the five differ where a person would try something else.
CELL = '''
answer = try_out("""
components:
  bm25:
    type: haystack.components.retrievers.in_memory.bm25_retriever.InMemoryBM25Retriever
    init_parameters:
      top_k: {top_k}
      document_store:
        type: haystack.document_stores.in_memory.document_store.InMemoryDocumentStore
        init_parameters: {{bm25_algorithm: {algorithm}}}
{more}
metadata:
  documents:
    - The river Spree flows through Berlin.
    - content: A glacier is a river of ice, and a river of ice is slow.
      meta: {{topic: ice}}
    - Bread is made of flour, water and salt.
""")
'''
ALONE = "connections: []"
WITH_PROMPT = """
  prompt:
    type: haystack.components.builders.prompt_builder.PromptBuilder
    init_parameters:
      required_variables: "*"
      template: "{% for document in documents %}{{ document.content }} {% endfor %}Answer: {{ question }}"
connections:
  - {sender: bm25.documents, receiver: prompt.documents}
inputs:
  query: [bm25.query, prompt.question]"""
CONFIGURATIONS = [
    {"top_k": 1, "algorithm": "BM25L", "more": ALONE},
    {"top_k": 2, "algorithm": "BM25L", "more": ALONE},
    {"top_k": 1, "algorithm": "BM25Okapi", "more": ALONE},
    {"top_k": 1, "algorithm": "BM25Plus", "more": ALONE},
    {"top_k": 1, "algorithm": "BM25Plus", "more": WITH_PROMPT},
]
BREAD = "Bread is made of flour, water and salt."
GLACIER = "A glacier is a river of ice, and a river of ice is slow."


def test_five_configurations_in_a_row(tmp_path: Path) -> None:
    """One pipeline, replaced four times while it is asked without a pause; the server's process stays the same.

    No request fails, and none gets an older configuration's answer after a newer one's. Then another pipeline is
    removed while this one answers.
    """
    with PrivateServer(tmp_path) as server, Kernel(server) as kernel:
        pid = server.pid
        kernel.run(FIRST)
        answers = []
        for number, configuration in enumerate(CONFIGURATIONS):
            kernel.run(CELL.format(**configuration))
            answers.append(kernel.value("answer"))
            if number == 0:
                kernel.run("asking = Asking(search)")
        found = [answer.get("documents") for answer in answers]
        assert [len(documents) for documents in found[:4]] == [1, 2, 1, 1]
        assert {documents[0]["content"] for documents in found[:4]} == {GLACIER}
        scores = [documents[0]["score"] for documents in found[:4]]
        assert scores[0] == scores[1] and len(set(scores)) == 3
        assert answers[4] == {"prompt": f"{GLACIER} Answer: a slow river of ice"}

        kernel.run("asking.end()")
        assert kernel.value("asking.errors") == []
        assert kernel.value("asking.answers") == answers
        assert kernel.value("asking.count") > 100

        kernel.run('other = wl.build_pipeline("other")\n')
        kernel.run(CELL.format(**CONFIGURATIONS[0]).replace('\n""")\n', '\n""", other)\n'))
        kernel.run('import pandas as pd\nframe = other.infer(pd.DataFrame({"query": ["flour"]}))\nlogs = other.logs()')
        assert kernel.value("[row['content'] for row in frame['out.documents'][0]]") == [BREAD]
        assert kernel.value("[[row['content'] for row in cell] for cell in logs['out.documents']]") == [
            [BREAD],
            [GLACIER],
        ]

        kernel.run("asking = Asking(search)\nwhile asking.count < 5: pass\nother.undeploy()")
        seen = kernel.value("asking.count")
        kernel.run(f"while asking.count < {seen + 5}: pass\nasking.end()")
        assert kernel.value("asking.errors") == []
        assert kernel.value("asking.answers") == answers[4:]
        assert "not deployed" in kernel.attempt('other.infer([{"query": "a"}])').error
        assert server.pid == pid
        with server.client as client:
            assert client.get("health").json()["deployments"] == 1

"""Which files are models, what is said of them, and that nothing outside them is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from jupyter_wallaroo.engine.runtimes.onnx import OnnxRuntime
from jupyter_wallaroo.errors import InvalidInput, InvalidModel
from jupyter_wallaroo.types.model import Signature, TensorSpec
from tests.engine import graphs


def test_the_signature_is_read_from_the_file() -> None:
    """Names, types and shapes are the model's own; a length that it leaves open is None."""
    assert (
        Signature(
            inputs=[
                TensorSpec(name="a", dtype="float32", shape=[None, 2]),
                TensorSpec(name="b", dtype="float32", shape=[None, 2]),
                TensorSpec(name="n", dtype="int64", shape=[None, 1]),
            ],
            outputs=[
                TensorSpec(name="sum", dtype="float32", shape=[None, 2]),
                TensorSpec(name="copy", dtype="int64", shape=[None, 1]),
            ],
        )
        == OnnxRuntime(graphs.two_inputs(), "model").signature
    )


def test_a_named_length_is_open() -> None:
    """Exporters call the batch axis "N" or "batch_size"."""
    file = graphs.model(
        [graphs.helper.make_node("Identity", ["x"], ["y"])],
        [graphs.value("x", graphs.STRING, "batch_size", 3)],
        [graphs.value("y", graphs.STRING, "batch_size", 3)],
    )
    assert [TensorSpec(name="x", dtype="string", shape=[None, 3])] == OnnxRuntime(file, "model").signature.inputs


@pytest.mark.parametrize("file", [b"", b"garbage", b"\x80\x04\x95", graphs.identity()[:-5]])
def test_what_is_no_model_is_refused(file: bytes) -> None:
    """Whatever class onnxruntime raises, the uploader is told in one."""
    with pytest.raises(InvalidModel, match=r"'f\.onnx' is not an ONNX model that can be run"):
        OnnxRuntime(file, "'f.onnx'")


@pytest.mark.parametrize("location", ["weights.bin", "../secret.bin", "{outside}", "/proc/self/cwd/../secret.bin"])
def test_weights_outside_the_file_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str) -> None:
    """A model could carry any file of the server away in its answers (SECURITY C5).

    The file has the length the model asks for, so that the model would load if it were read.
    """
    secret = tmp_path / "secret.bin"
    secret.write_bytes(np.array([42], np.float32).tobytes())
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(InvalidModel) as caught:
        OnnxRuntime(graphs.external(location.format(outside=secret)), "'f.onnx'")
    assert "self-contained" in caught.value.hint
    assert str(tmp_path) not in caught.value.message


def test_a_zipmap_is_refused_with_the_way_out() -> None:
    """scikit-learn classifiers are converted so by default; the hint says how to convert them otherwise."""
    x = np.arange(20, dtype=np.float32).reshape(10, 2)
    classifier = LogisticRegression().fit(x, np.arange(10) % 2)
    file = to_onnx(classifier, x[:1], target_opset=17).SerializeToString()
    with pytest.raises(InvalidModel, match="'output_probability' is of type seq") as caught:
        OnnxRuntime(file, "model")
    assert "zipmap" in caught.value.hint
    plain = to_onnx(classifier, x[:1], target_opset=17, options={"zipmap": False}).SerializeToString()
    assert OnnxRuntime(plain, "model").run({"X": x})["probabilities"].shape == (10, 2)


def test_a_model_of_one_row_runs_for_each_row() -> None:
    """Many models are exported with a batch size of 1; callers send any number of rows (F: fixed batch)."""
    runtime = OnnxRuntime(graphs.doubled(rows=1), "model")
    x = np.arange(10, dtype=np.float32).reshape(5, 2)
    result = runtime.run({"x": x})["y"]
    assert np.float32 == result.dtype
    assert (x * 2).tolist() == result.tolist()
    assert (x * 2).tolist() == OnnxRuntime(graphs.doubled(), "model").run({"x": x})["y"].tolist()


def test_a_model_of_some_other_fixed_number_of_rows_refuses_the_rest() -> None:
    """The message is onnxruntime's sentence without its code and without paths of ours."""
    runtime = OnnxRuntime(graphs.doubled(rows=3), "'m'")
    assert len(runtime.run({"x": np.zeros((3, 2), np.float32)})["y"]) == 3
    with pytest.raises(InvalidInput, match="Model 'm' refused the input: ") as caught:
        runtime.run({"x": np.zeros((2, 2), np.float32)})
    assert "ONNXRuntimeError" not in caught.value.message

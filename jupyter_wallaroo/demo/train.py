"""How the demo's two files came to be: ``python -m jupyter_wallaroo.demo.train`` writes the same bytes again.

A maintainer's tool: it needs scikit-learn and skl2onnx, which the installed package does not.

``breast_cancer.onnx``
    Opset 17, 1,409 bytes. Input ``features`` float32 [None, 30], unscaled, in the order of
    ``load_breast_cancer().feature_names``; output ``malignant`` float32 [None, 1], the probability (0 to 1)
    that the tumour is malignant.
    sha256 350fafa7e19e04dcf3f5b70750410172d80241bc8fba6c3530ee9da59f35dc69
``breast_cancer.arrow``
    Arrow IPC file, uncompressed, 71,162 bytes. One column ``features``, list<float32> of 30 values, 569 rows
    in the data set's order. It holds training rows too: something to ask the model, not a way to measure it.
    sha256 f728efed60f11f8e268ce9c348ce879041b4768ee3bb93aff1c2db81909ee702

Data
    Breast Cancer Wisconsin (Diagnostic), as bundled with scikit-learn
    (``sklearn.datasets.load_breast_cancer``). W. Wolberg, O. Mangasarian, N. Street, W. Street (1993),
    UCI Machine Learning Repository, https://doi.org/10.24432/C5DW2B, licence CC BY 4.0. 569 rows, 212 of them
    malignant. Changes made: values rounded to float32, class left out of the Arrow file.
Model
    StandardScaler and logistic regression, trained on 426 rows. Of three candidates it had the best
    cross-validated ROC AUC on those rows: 0.9930, neural network 0.9926, gradient boosting 0.9817.
Quality
    On the 143 held-out rows: accuracy 0.9860 (141 right; 95 % Wilson interval 0.950 to 0.996), ROC AUC
    0.9958. A demonstration, not a medical device.
Fidelity
    ONNX against scikit-learn on all 569 rows: largest absolute difference 4.03e-07.

Measured with scikit-learn 1.9.1, skl2onnx 1.20.0, onnx 1.21.0, onnxruntime 1.31.1, pyarrow 26.0.1. Other
versions may give other bytes; the digests above are then to be replaced along with the files.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
from numpy.typing import NDArray
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

HERE: Final = Path(__file__).resolve().parent
MODEL_FILE: Final = HERE / "breast_cancer.onnx"
DATA_FILE: Final = HERE / "breast_cancer.arrow"

INPUT: Final = "features"
OUTPUT: Final = "malignant"
SEED: Final = 0
HELD_OUT: Final = 0.25
OPSET: Final = 17
IR_VERSION: Final = 8  # the one that came with opset 17
MAX_MODEL_BYTES: Final = 300_000
MAX_DIFFERENCE: Final = 1e-5

DESCRIPTION: Final = (
    "Probability that a breast tumour is malignant, from 30 measurements of cell nuclei. "
    "A demonstration, not for medical use. "
    "Trained on Breast Cancer Wisconsin (Diagnostic): Wolberg, Mangasarian, Street, Street (1993), "
    "UCI Machine Learning Repository, https://doi.org/10.24432/C5DW2B, CC BY 4.0."
)

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """The data set, float32 as the model is asked with, and split once."""

    features: Floats
    train: NDArray[np.int64]
    test: NDArray[np.int64]
    malignant: Labels


def load() -> Dataset:
    """Return all rows, the row numbers of both splits, and 1 for every malignant row."""
    bunch = load_breast_cancer()
    malignant = (bunch.target == list(bunch.target_names).index("malignant")).astype(np.int64)
    rows = np.arange(len(malignant))
    train, test = train_test_split(rows, test_size=HELD_OUT, stratify=malignant, random_state=SEED)
    return Dataset(bunch.data.astype(np.float32), train, test, malignant)


def candidates() -> dict[str, Pipeline]:
    """Return the untrained models to choose from, simplest first."""
    models = {
        # Newton to a tight tolerance: the float32 coefficients do not hang on where a looser solver stops.
        "logistic regression": LogisticRegression(solver="newton-cholesky", tol=1e-10),
        "neural network": MLPClassifier((16,), alpha=1.0, max_iter=2000, random_state=SEED),
        "gradient boosting": GradientBoostingClassifier(random_state=SEED),
    }
    return {name: make_pipeline(StandardScaler(), model) for name, model in models.items()}


def choose(data: Dataset) -> Pipeline:
    """Return the candidate with the best cross-validated ROC AUC, trained on the training rows.

    Notes
    -----
    Only training rows are looked at: choosing by the held-out rows would flatter the score reported on them.
    """
    features, malignant = _in_double(data.features[data.train]), data.malignant[data.train]
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    scores = {}
    for name, pipeline in candidates().items():
        scores[name] = cross_val_score(pipeline, features, malignant, cv=folds, scoring="roc_auc").mean()
        print(f"{name}: cross-validated ROC AUC {scores[name]:.4f}")
    best = max(scores, key=scores.__getitem__)
    print(f"chosen: {best}")
    return candidates()[best].fit(features, malignant)


def convert(pipeline: Pipeline, width: int) -> onnx.ModelProto:
    """Return the trained pipeline as ONNX with the one output ``malignant``.

    Parameters
    ----------
    pipeline : Pipeline
        Trained on labels 0 and 1, where 1 means malignant.
    width : int
        Number of features in a row.

    Returns
    -------
    onnx.ModelProto
        Checked, and free of anything that differs from run to run.
    """
    converted = to_onnx(
        pipeline,
        name=OUTPUT,
        initial_types=[(INPUT, FloatTensorType([None, width]))],
        options={"zipmap": False},
        target_opset=OPSET,
    )
    body = select_model_inputs_outputs(converted, outputs=["probabilities"]).graph
    column = helper.make_tensor("malignant_column", TensorProto.INT64, [1], [1])
    pick = helper.make_node("Gather", ["probabilities", column.name], [OUTPUT], name="Malignant", axis=1)
    graph = helper.make_graph(
        [*body.node, pick],
        OUTPUT,
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None, 1])],
        initializer=[*body.initializer, column],
    )
    # skl2onnx lists the default domain twice: a dictionary makes it one.
    opsets = {entry.domain: entry.version for entry in converted.opset_import}
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid(domain, opsets[domain]) for domain in sorted(opsets)],
        ir_version=IR_VERSION,
        producer_name="jupyter_wallaroo.demo.train",
        producer_version="1",
        doc_string=DESCRIPTION,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def largest_difference(model: bytes, pipeline: Pipeline, features: Floats) -> float:
    """Return the largest absolute difference between ONNX and scikit-learn over all rows."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (answer,) = session.run([OUTPUT], {INPUT: features})
    expected = pipeline.predict_proba(_in_double(features))[:, [1]]
    if answer.shape != expected.shape:
        raise SystemExit(f"ONNX answers {answer.shape}, scikit-learn {expected.shape}: nothing written.")
    return float(np.abs(answer - expected).max())


def arrow_file(features: Floats) -> bytes:
    """Return the rows as an uncompressed Arrow IPC file with the one column ``features``, a list<float32>."""
    table = pa.table({INPUT: pa.array(list(features), pa.list_(pa.float32()))})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def main() -> None:
    """Train, measure, compare, and only then write both files."""
    data = load()
    pipeline = choose(data)
    probability = pipeline.predict_proba(_in_double(data.features[data.test]))[:, 1]
    truth = data.malignant[data.test]
    print(f"rows: {len(data.train)} to train, {len(data.test)} held out")
    print(f"held-out accuracy {accuracy_score(truth, probability > 0.5):.4f}")
    print(f"held-out ROC AUC {roc_auc_score(truth, probability):.4f}")

    model = convert(pipeline, data.features.shape[1]).SerializeToString(deterministic=True)
    if len(model) >= MAX_MODEL_BYTES:
        raise SystemExit(f"{len(model)} bytes of ONNX, must be below {MAX_MODEL_BYTES}: nothing written.")
    difference = largest_difference(model, pipeline, data.features)
    print(f"ONNX against scikit-learn, all rows: max abs difference {difference:.2e}")
    if not difference < MAX_DIFFERENCE:  # so written that NaN fails too
        raise SystemExit(f"The difference must stay below {MAX_DIFFERENCE:g}: nothing written.")

    for path, content in ((MODEL_FILE, model), (DATA_FILE, arrow_file(data.features))):
        path.write_bytes(content)
        print(f"{path.name}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


def _in_double(features: Floats) -> NDArray[np.float64]:
    """Return the float32 values in double precision, in which scikit-learn computes best."""
    return features.astype(np.float64)


if __name__ == "__main__":
    main()

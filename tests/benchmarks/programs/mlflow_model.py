"""Write an ONNX model as MLflow keeps one; ``mlflow models serve`` serves it.

python mlflow_model.py MODEL FOLDER
"""

from __future__ import annotations

import sys

import mlflow.onnx
import onnx

if __name__ == "__main__":
    options = {"intra_op_num_threads": 1}
    mlflow.onnx.save_model(
        onnx.load(sys.argv[1]),
        sys.argv[2],
        onnx_session_options=options,
        onnx_execution_providers=["CPUExecutionProvider"],
        pip_requirements=["onnxruntime"],
    )

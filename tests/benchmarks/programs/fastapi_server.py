"""The yardstick: what a good engineer writes in an hour with FastAPI, onnxruntime and orjson. It logs nothing.

python fastapi_server.py MODEL PORT
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import orjson
import pyarrow as pa
import uvicorn
from fastapi import FastAPI, Request, Response

app = FastAPI()
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(Path(sys.argv[1]).read_bytes(), options, providers=["CPUExecutionProvider"])
INPUT, OUTPUT = session.get_inputs()[0].name, session.get_outputs()[0].name
WIDTH = session.get_inputs()[0].shape[1]


@app.post("/json")
async def records(request: Request) -> Response:
    rows = orjson.loads(await request.body())
    features = np.array([row[INPUT] for row in rows], np.float32)
    answer = session.run([OUTPUT], {INPUT: features})[0]
    return Response(orjson.dumps({OUTPUT: answer}, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")


@app.post("/arrow")
async def arrow(request: Request) -> Response:
    table = pa.ipc.open_file(await request.body()).read_all()
    column = table.column(0).combine_chunks()
    features = column.flatten().to_numpy().reshape(len(column), -1)
    answer = session.run([OUTPUT], {INPUT: features})[0]
    result = pa.table({OUTPUT: pa.array(answer.reshape(-1))})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, result.schema) as writer:
        writer.write_table(result)
    return Response(sink.getvalue().to_pybytes(), media_type="application/vnd.apache.arrow.file")


@app.post("/raw")
async def raw(request: Request) -> Response:
    features = np.frombuffer(await request.body(), np.float32).reshape(-1, WIDTH)
    answer = session.run([OUTPUT], {INPUT: features})[0]
    return Response(answer.tobytes(), media_type="application/octet-stream")


if __name__ == "__main__":
    address = {"host": "127.0.0.1", "port": int(sys.argv[2])}
    uvicorn.run(app, **address, loop="uvloop", http="httptools", log_level="error", access_log=False)

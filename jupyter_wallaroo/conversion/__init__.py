"""Models made into ONNX and compared with what they were: for uploads in the engine, for variables in a kernel.

One module per framework makes the ONNX model; `outputs` names what a model gives, `inputs` lets a model of one matrix
take a column per feature, `comparison` says how far two answers are apart. Frameworks are imported when they are used.
"""

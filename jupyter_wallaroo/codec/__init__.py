"""Bytes to columns and back: Arrow IPC (`arrow`), pandas-records JSON (`records`), tensor JSON (`tensors`).

Only child processes use this package: the Jupyter process relays bytes and never parses a body.
"""

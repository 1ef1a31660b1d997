"""Validations: what a user's expression says, as a small closed tree of our own.

An expression comes as JSON that somebody else's library wrote. It is never handed to such a library: `polars` and
`checks_2023` read the two grammars there are into the nodes of `types.rule`, and refuse everything that is not on their
lists (SECURITY C8). The engine evaluates the tree (`engine.validation`).
"""

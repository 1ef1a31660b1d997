"""Handlers: a base that authenticates before a body is read, those for plain JSON, and those that move bytes."""

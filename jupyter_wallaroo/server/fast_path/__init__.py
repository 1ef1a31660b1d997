"""Inferences past Tornado's handlers: what was decided for a request holds for the next one like it.

Every rule of Jupyter (who is calling, what they may, from which page, under which name of this machine) is a function
of a request's head, of where it comes from, and of the configuration. So the full handler decides, and when it lets an
inference through that came with a token, its verdict is kept for a few seconds together with the head
(`verdicts`). A head that is the same but for the length of its body then needs no decision: its connection is taken out
of Tornado's hands (`router`), or, when it is new, never gets there (`entrance`); its requests are cut out of the bytes
that come, and answers are written whole (`connection`). There are no rules of identity or access in here, and no
parser: a head that was not seen yet is parsed by Tornado's own functions, and whatever has no verdict goes back to
Tornado byte for byte (`replay`), to the full handler or to whomever it is for. Refusals are written by the full handler
as well (`refusing`).

A request of one row takes a quarter of this process's time that way.
"""

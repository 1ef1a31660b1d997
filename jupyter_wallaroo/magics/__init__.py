"""The magics ``%wl`` and ``%%wl``, on the client only.

A line is a verb and its arguments, as ``%wl deploy house-prices rf-model --replicas 2``. ``hook`` is what IPython meets
at ``%load_ext`` and imports nothing; the first line brings in ``command``, which finds the `verb.Verb` in ``registry``,
has its `parser.Parser` read the arguments, and runs it with a `verb.Call`. A verb is one module in ``verbs/`` and its
line in ``registry``: help, completion, ``--out`` and ``--quiet`` come by themselves.

Whatever a person did wrong is a ``UsageError`` of one line. Results are values: of the client's own classes, frames, or
`results.Table` and `results.Facts`, each with a text and an HTML form in which nothing of a name is code.
"""

"""Append-only files of inference records.

Every replica appends each inference to its own **journal** before the answer leaves (`journal`). Journals whose
writer has finished or died are turned, whole, into a directory of Arrow files and then removed (`archive`); readers
see archived records and the journals' tails alike (`query`). There is no index besides the file names: a journal is
owned by whoever holds its lock, and a segment directory exists completely or not at all, so that a kill at any moment
neither loses nor doubles a record.
"""

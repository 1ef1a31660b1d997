"""What has to outlive the process: rows in SQLite (`db`, one module per noun) and files by their SHA-256 (`blobs`).

The functions of the noun modules take an open database and run in its thread; `db.Store` brings them there.
sqlite-utils is imported in that thread, because it pulls in pandas (0.4 s).
"""

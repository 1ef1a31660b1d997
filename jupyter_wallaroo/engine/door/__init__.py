"""The door that a replica answers itself: HTTP on the loopback, for programs of this machine.

All replicas of a deployment accept on one listening socket, which the server made and they inherited: a replica that is
lost takes no waiting connection with it, and no connection passes through Jupyter's process. What comes in is taken by
`Replica.submit` as from the other door; format, limits, errors and log are the same.

`parsers` reads a head with a kept parser, `head` says what it means, `chunks` takes chunked bodies apart, `connection`
answers one client in order, `access` knows who may, `answers` writes, and `listener` accepts, counts and ends.
"""

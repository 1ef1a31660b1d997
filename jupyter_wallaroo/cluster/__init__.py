"""Replicas, and runs of tasks, on the nodes of a Ray cluster: the same processes, reached over the network.

::

    Jupyter ──frames──► agent   joins the cluster, asks for seats; the only module that knows Ray
        │
        └───frames──► relay ──TCP──► seat (a Ray actor)  caches models, starts the processes, watches them
                        └─────TCP──► engine and its sidekicks, children of the seat

* A **relay** is a small process beside Jupyter, one for each replica, and stands where the engine's process would: to
  the supervisor it *is* that process. It takes bodies from the arena, sends them on, and passes answers back.
* What a replica logs goes with its answers, over the same connection and before them: the relay has written it to the
  journal when it passes the answer on. So the log outlives a node and its disk, and no answer waits a round trip.
* A run of a task has a seat as well, in which the same **warden** guards it. The agent brings it there and takes its
  log down; there is no relay, because nobody waits for an answer.
* A **seat** takes connections only from who knows its secret, which both sides prove. The bytes themselves are not
  encrypted, as Ray's own are not: the network between server and nodes has to be trusted, or a tunnel.
* Ends are told by connections. A seat whose relay is gone ends its processes and itself; a relay whose engine is gone
  says how and ends; the agent's end takes every seat with it, because Ray ends the actors of a driver that is gone.
"""

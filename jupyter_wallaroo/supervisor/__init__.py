"""Starts, watches, drains and restarts engine processes, and says how they are.

From the outside in: a `Supervisor` holds one `Deployment` for each that is wanted; a deployment spreads requests over
its `Replica`s; a replica keeps one `EngineProcess` alive. What is wanted comes from the services; how things are is
computed from the processes whenever somebody asks, and never stored.
"""

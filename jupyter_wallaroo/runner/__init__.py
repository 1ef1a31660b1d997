"""Processes that run what people wrote in the background; the server starts them and knows only what they say.

For a run of a task the server starts a `warden`, in a session of its own. The warden starts `task`, which unpacks the
archive into the run's folder and runs its ``main.py``; it takes down what that prints, holds the limits, and becomes
the parent of whatever the run leaves behind. When the run ends, is ended, or the server dies, it kills them all.
"""

"""Deployments: a pipeline version made to run, watched until it does, and ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_wallaroo.errors import NotFound
from jupyter_wallaroo.sdk.object import DeploymentError, WaitForDeployError
from jupyter_wallaroo.sdk.waiting import Outcome, wait_until
from jupyter_wallaroo.types.config import Nothing
from jupyter_wallaroo.types.deployment import DeploymentStatus, GetDeployment, Status, UndeployPipeline

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.client import Client

OWN_PROCESS_LIMIT_S = 600.0
"""How long models that need a process of their own may take: an environment may have to be made for them."""


class Deployment:
    """One deployment of a pipeline.

    Parameters
    ----------
    client
        Through whom the server is asked.
    number
        Its id.
    name
        ``{deploy_id}-{id}``, as it is called in URLs.
    """

    def __init__(self, client: Client, number: int, name: str) -> None:
        self._client = client
        self._number = number
        self._name = name

    def id(self) -> int:
        """Return the deployment's id."""
        return self._number

    def name(self) -> str:
        """Return the name that URLs and the server's status know, ``{deploy_id}-{id}``."""
        return self._name

    def facts(self) -> DeploymentStatus:
        """Return how it is, or raise `EntityNotFoundError` when it has ended."""
        return self._client.api.call("status/get_deployment", GetDeployment(name=self._name), DeploymentStatus)

    def status(self) -> dict[str, Any]:
        """Return how it is, as the server says it: ``status``, ``details``, ``engines``, … (S1-26)."""
        shown: dict[str, Any] = msgspec.to_builtins(self.facts())
        return shown

    def engines(self) -> frozenset[str]:
        """Return the names of its engines, none when it has ended; a new version brings new ones (S1-33)."""
        try:
            return frozenset(engine.name for engine in self.facts().engines)
        except NotFound:
            return frozenset()

    def wait_until_running(self, pipeline: str, version: str, *, replacing: frozenset[str] = frozenset()) -> None:
        """Wait until ``version`` runs, showing a line that grows.

        Parameters
        ----------
        replacing
            The engines of the version before, which go on until the new ones are ready.

        Raises
        ------
        DeploymentError
            It does not come up; says the server's reason.
        WaitForDeployError
            It was not running in time.
        """
        last = self.facts()
        limit_s = max(self._client.api.timeout_s, OWN_PROCESS_LIMIT_S) if last.sidekicks else self._client.api.timeout_s

        def is_running() -> bool:
            nonlocal last
            last = self.facts()
            refusals = [detail for detail in last.details if version in detail]
            if refusals or (last.status is Status.ERROR and replacing.isdisjoint(_names(last))):
                raise _failure(pipeline, refusals or last.details)
            return last.status is Status.RUNNING and replacing.isdisjoint(_names(last))

        message = f"Waiting for deployment - this will take up to {limit_s:g}s"
        if wait_until(message, is_running, limit_s) is Outcome.TIMED_OUT:
            raise WaitForDeployError(
                f"Pipeline {pipeline!r} was not running within {limit_s:g} s; its status is {last.status.value}. "
                + " ".join(last.details),
                hint="The server goes on: look at pipeline.status(), or give Client a larger request_timeout.",
            )

    def end(self) -> None:
        """Have the server end it, without waiting; requests under way still finish (S1-45)."""
        self._client.api.call("pipelines/undeploy", UndeployPipeline(deployment_id=self._number), Nothing)

    def undeploy(self, pipeline: str) -> None:
        """End it and wait until it has ended, showing a line that grows.

        Raises
        ------
        WaitForDeployError
            It had not ended in time.
        """
        self.end()

        def has_ended() -> bool:
            try:
                self.facts()
            except NotFound:
                return True
            return False

        limit_s = self._client.api.timeout_s
        message = f"Waiting for undeployment - this will take up to {limit_s:g}s"
        if wait_until(message, has_ended, limit_s) is Outcome.TIMED_OUT:
            raise WaitForDeployError(f"Pipeline {pipeline!r} was not undeployed within {limit_s:g} s.")

    def __repr__(self) -> str:
        return f"Deployment(id={self._number}, name={self._name!r})"


def _names(status: DeploymentStatus) -> set[str]:
    return {engine.name for engine in status.engines}


def _failure(pipeline: str, details: list[str]) -> DeploymentError:
    reason = " ".join(details) or "the server did not say why."
    return DeploymentError(
        f"Pipeline {pipeline!r} cannot run: {reason}",
        hint="Mend the model or its configuration and deploy again; pipeline.undeploy() gives it up.",
    )

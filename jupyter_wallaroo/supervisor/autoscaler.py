"""Looks at the load of each deployment that follows it, and has it run as many replicas as the load calls for.

What a load calls for is decided in `scaling`, from requests in flight or from what the replicas' processes use of the
processors, sidekicks included. How many replicas there are is not stored: after a restart of the server a deployment
begins with as many as its configuration says, serves as soon as the first is ready, and the load brings the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from jupyter_wallaroo.supervisor.deployment import Deployment
from jupyter_wallaroo.supervisor.process_table import cpu_seconds
from jupyter_wallaroo.supervisor.processors import processors
from jupyter_wallaroo.supervisor.scaling import Look, Trend, decide
from jupyter_wallaroo.supervisor.spec import Autoscale, Trigger
from jupyter_wallaroo.types.deployment import Status


@dataclass
class _Watched:
    """What is remembered of a deployment from one look to the next; ``used_s`` is CPU time by process id."""

    policy: Autoscale
    trend: Trend = field(default_factory=Trend)
    taken: int = 0
    at_s: float = 0.0
    used_s: dict[int, float] = field(default_factory=dict)


class Autoscaler:
    """Has deployments follow their load.

    Parameters
    ----------
    limit
        Replicas of all deployments together up to which more are added.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._watched: dict[int, _Watched] = {}

    def check(self, deployments: Iterable[Deployment], now: float) -> None:
        """Look once at all deployments; ``now`` is of the monotonic clock."""
        present = list(deployments)
        room = self._limit - sum(len(deployment.replicas) for deployment in present)
        watched, self._watched = self._watched, {}
        for deployment in present:
            policy = deployment.spec.resources.autoscale
            if policy is None or not deployment.may_scale:
                continue
            known = watched.get(deployment.spec.id)
            if known is None or known.policy != policy:
                known = _Watched(policy, taken=deployment.taken)
            self._watched[deployment.spec.id] = known
            room -= self._scale(deployment, known, now, max(0, room))

    def _scale(self, deployment: Deployment, known: _Watched, now: float, room: int) -> int:
        """Scale one deployment by what it needs now, by at most ``room``; return how many replicas were added."""
        look = _look(deployment, known, now)
        present = len(deployment.replicas)
        wanted, known.trend = decide(known.policy, known.trend, look, present)
        allowed = min(wanted, present + room)
        if allowed < wanted:
            deployment.hold(
                f"The load calls for {wanted} replicas; this server adds none beyond {self._limit} of all "
                "deployments together (WallarooApp.autoscale_limit)."
            )
        elif known.trend.pressed_s is None:
            deployment.hold(None)
        if allowed != present:
            deployment.scale(allowed)
        return allowed - present


def _look(deployment: Deployment, known: _Watched, now: float) -> Look:
    arrived, known.taken = deployment.taken - known.taken, deployment.taken
    waiting = max(deployment.in_flight, min(arrived, 1))
    if known.policy.trigger is Trigger.QUEUE:
        return Look(at_s=now, waiting=waiting)
    passed_s, known.at_s = now - known.at_s, now
    running = [replica for replica in deployment.replicas if replica.status is Status.RUNNING]
    before, known.used_s = known.used_s, {pid: cpu_seconds(pid) for replica in running for pid in replica.pids}
    # A process that was not there before is left out: what it used so far, it used to load its models.
    used_s = sum(max(0.0, used - before[pid]) for pid, used in known.used_s.items() if pid in before)
    resources = deployment.spec.resources, *(sidekick.resources for sidekick in deployment.spec.sidekicks)
    share = min(sum(item.cpus for item in resources), processors())
    return Look(at_s=now, waiting=waiting, busy=used_s / passed_s / share if before else None)

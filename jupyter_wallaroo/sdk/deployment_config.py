"""What a deployment is to have: replicas, processors, memory (contract/deployment_config.md)."""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk.engine_config import Acceleration, Architecture

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from jupyter_wallaroo.sdk.model_version import ModelVersion

DeploymentConfig = dict[str, Any]

_GPU_KEYS = {
    Acceleration.OPENVINO: "gpu.intel.com/i915",
    Acceleration.ROCM: "amd.com/gpu",
    Acceleration.QAIC: "qualcomm.com/qaic",
}
_DEFAULT_GPU_KEY = "nvidia.com/gpu"
DEFAULT_WINDOW_S = 300
MAX_UTILIZATION = 100


class DeploymentConfigBuilder:
    """Builds a deployment configuration, one call after the other.

    The environment variable ``DEPLOYMENT_CONFIG`` (JSON) may say the defaults: ``image``, ``replicas``,
    ``autoscale``, ``cpus``, ``gpus``, ``node_selector``, ``memory``, ``lb_cpus``, ``lb_memory``, ``arch``, ``accel``.

    Examples
    --------
    >>> DeploymentConfigBuilder().replica_count(2).cpus(0.5).memory("1Gi").build()["engine"]["replicas"]
    2
    """

    def __init__(self) -> None:
        self._engine: dict[str, Any] = {}
        self._lb: dict[str, Any] = {}
        self._images: dict[str, dict[str, Any]] = {}
        self._gpus: float | None = None
        self._sidekick_gpus: dict[str, float] = {}
        self._seed(os.environ.get("DEPLOYMENT_CONFIG", ""))

    def _seed(self, text: str) -> None:
        if not text:
            return
        try:
            given = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.MsgspecError:
            raise InvalidRequest("The environment variable DEPLOYMENT_CONFIG is not a JSON object.") from None
        setters: dict[str, Callable[[Any], DeploymentConfigBuilder]] = {
            "image": self.image,
            "replicas": self.replica_count,
            "cpus": self.cpus,
            "gpus": self.gpus,
            "memory": self.memory,
            "lb_cpus": self.lb_cpus,
            "lb_memory": self.lb_memory,
            "arch": self.arch,
            "accel": self.accel,
        }
        for name, set_value in setters.items():
            if given.get(name) is not None:
                set_value(given[name])
        for name in ("autoscale", "node_selector"):
            if given.get(name) is not None:
                self._engine[name] = given[name]

    def image(self, image: str) -> Self:
        """Name the engine's container image; this server has no containers and ignores it."""
        self._engine["image"] = image
        return self

    def replica_count(self, count: int) -> Self:
        """Run ``count`` engine processes, at least 1; with autoscaling, begin with as many."""
        self._engine["replicas"] = _whole("replica_count", count, least=1)
        return self

    def replica_autoscale_min_max(self, maximum: int, minimum: int = 0) -> Self:
        """Run between ``minimum`` and ``maximum`` engine processes, as the load has it: by default, of the processors.

        With ``scale_up_queue_depth`` and a minimum of 0 none runs while nobody asks, and the first request waits until
        one has started; by use of the processors one always runs.
        """
        _whole("replica_autoscale_min_max: minimum", minimum, least=0)
        _whole("replica_autoscale_min_max: maximum", maximum, least=max(1, minimum))
        self._autoscale().update(replica_min=minimum, replica_max=maximum)
        self._autoscale().setdefault("type", "cpu")
        return self

    def autoscale_cpu_utilization(self, cpu_utilization_percentage: float) -> Self:
        """Scale so that engines use this much of their ``cpus`` on average, in percent from above 0 to 100."""
        most = _positive("autoscale_cpu_utilization", cpu_utilization_percentage)
        if most > MAX_UTILIZATION:
            raise InvalidRequest(f"autoscale_cpu_utilization: expected at most 100 percent; got {most!r:.40}.")
        self._autoscale()["cpu_utilization"] = most
        return self

    def scale_up_queue_depth(self, queue_depth: int) -> Self:
        """Add engines when more requests than this are in flight for each."""
        _positive("scale_up_queue_depth", queue_depth)
        self._autoscale().update(scale_up_queue_depth=queue_depth, type="queue")
        self._autoscale().setdefault("scale_down_queue_depth", 1)
        self._autoscale().setdefault("autoscaling_window", DEFAULT_WINDOW_S)
        return self

    def scale_down_queue_depth(self, queue_depth: int) -> Self:
        """Take engines away when fewer requests than this were in flight for each over the whole window."""
        self._autoscale()["scale_down_queue_depth"] = _positive("scale_down_queue_depth", queue_depth)
        return self

    def autoscaling_window(self, window_seconds: int) -> Self:
        """Take engines away only after so many seconds of calm; without this call, 300."""
        self._autoscale()["autoscaling_window"] = _positive("autoscaling_window", window_seconds)
        return self

    def _autoscale(self) -> dict[str, Any]:
        block: dict[str, Any] = self._engine.setdefault("autoscale", {})
        return block

    def cpus(self, core_count: float) -> Self:
        """Give each engine process ``core_count`` processors, such as 0.25 or 2."""
        self._engine["cpu"] = _positive("cpus", core_count)
        _set_resource(self._engine, "cpu", core_count)
        return self

    def memory(self, memory_spec: str) -> Self:
        """Give each engine process memory, as ``"512Mi"`` or ``"1Gi"``."""
        _set_resource(self._engine, "memory", memory_spec)
        return self

    def gpus(self, gpu_count: int) -> Self:
        """Give each engine process ``gpu_count`` graphics processors."""
        self._gpus = self._engine["gpu"] = _whole("gpus", gpu_count, least=0)
        return self

    def deployment_label(self, label: str) -> Self:
        """Run on machines with this label, as ``"key=value"``."""
        self._engine["node_selector"] = label
        return self

    def arch(self, architecture: Architecture | str) -> Self:
        """Run on this processor architecture."""
        self._engine["arch"] = str(Architecture(architecture))
        return self

    def accel(self, acceleration: Acceleration | str) -> Self:
        """Run on this accelerator."""
        self._engine["accel"] = str(Acceleration(acceleration))
        return self

    def lb_cpus(self, core_count: float) -> Self:
        """Give the load balancer processors."""
        _set_resource(self._lb, "cpu", _positive("lb_cpus", core_count))
        return self

    def lb_memory(self, memory_spec: str) -> Self:
        """Give the load balancer memory."""
        _set_resource(self._lb, "memory", memory_spec)
        return self

    def python_load_timeout_secs(self, timeout_secs: float) -> Self:
        """Let Python models take this many seconds to load."""
        self._engine.setdefault("python", {})["load_timeout_millis"] = int(timeout_secs * 1000)
        return self

    def sidekick_cpus(self, model: ModelVersion, core_count: float) -> Self:
        """Give the process of a model that has its own ``core_count`` processors."""
        _set_resource(self._image(model), "cpu", _positive("sidekick_cpus", core_count))
        return self

    def sidekick_memory(self, model: ModelVersion, memory_spec: str) -> Self:
        """Give the process of a model that has its own memory, as ``"4Gi"``."""
        _set_resource(self._image(model), "memory", memory_spec)
        return self

    def sidekick_gpus(self, model: ModelVersion, gpu_count: int) -> Self:
        """Give the process of a model that has its own ``gpu_count`` graphics processors."""
        self._image(model)
        self._sidekick_gpus[_sidekick(model)] = _whole("sidekick_gpus", gpu_count, least=0)
        return self

    def sidekick_env(self, model: ModelVersion, environment: dict[str, str]) -> Self:
        """Set environment variables in the process of a model that has its own."""
        self._image(model)["env"] = [{"name": name, "value": value} for name, value in environment.items()]
        return self

    def sidekick_arch(self, model: ModelVersion, architecture: Architecture | str) -> Self:
        """Run the process of a model that has its own on this processor architecture."""
        self._image(model)["arch"] = str(Architecture(architecture))
        return self

    def sidekick_accel(self, model: ModelVersion, acceleration: Acceleration | str) -> Self:
        """Run the process of a model that has its own on this accelerator."""
        self._image(model)["accel"] = str(Acceleration(acceleration))
        return self

    def _image(self, model: ModelVersion) -> dict[str, Any]:
        return self._images.setdefault(_sidekick(model), {})

    def build(self) -> DeploymentConfig:
        """Return the configuration for ``pipeline.deploy(deployment_config=…)``; the builder may go on."""
        engine, images = copy.deepcopy(self._engine), copy.deepcopy(self._images)
        if self._gpus is not None:
            _set_resource(engine, _gpu_key(engine), self._gpus)
        for name, gpus in self._sidekick_gpus.items():
            _set_resource(images[name], _gpu_key(images[name]), gpus)
        if "node_selector" in engine:
            for image in images.values():
                image["node_selector"] = engine["node_selector"]
        return {"engine": engine, "enginelb": copy.deepcopy(self._lb), "engineAux": {"images": images}}


def _sidekick(model: ModelVersion) -> str:
    return f"{model.name()}-{model.id()}"


def _gpu_key(part: dict[str, Any]) -> str:
    return _GPU_KEYS.get(part.get("accel", ""), _DEFAULT_GPU_KEY)


def _set_resource(part: dict[str, Any], name: str, value: float | str) -> None:
    resources = part.setdefault("resources", {"limits": {}, "requests": {}})
    resources["limits"][name] = value
    resources["requests"][name] = value


def _whole(what: str, value: int, *, least: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return value
    raise InvalidRequest(f"{what}: expected a whole number of at least {least}; got {value!r:.40}.")


def _positive(what: str, value: float) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return value
    raise InvalidRequest(f"{what}: expected a number above 0, such as 0.25 or 2; got {value!r:.40}.")

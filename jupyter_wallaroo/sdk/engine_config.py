"""What a deployment runs on: processor architecture and accelerator (contract/deployment_config.md)."""

from __future__ import annotations

from enum import StrEnum


class Architecture(StrEnum):
    """Processor architectures. The server runs what its own machine has; others are kept for other servers."""

    X86 = "x86"
    ARM = "arm"
    POWER10 = "power10"
    Power10 = "power10"


class Acceleration(StrEnum):
    """Accelerators, under the names that the tutorials use and in capitals."""

    NONE = "none"
    _None = "none"
    CUDA = "cuda"
    JETSON = "jetson"
    Jetson = "jetson"
    OPENVINO = "openvino"
    OpenVINO = "openvino"
    QAIC = "qaic"
    ROCM = "rocm"

"""Which nodes could run something, and in words why none can."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct

from jupyter_wallaroo.types.cluster import Demand, Room

MOST_SHOWN = 4
_SHOWN_UNITS = 2**20


class Node(Struct, frozen=True, kw_only=True):
    """A node: what it has in all and what of it is free, by Ray's names of resources, and its labels."""

    total: Mapping[str, float]
    free: Mapping[str, float]
    labels: Mapping[str, str]


def room(demand: Demand, nodes: Iterable[Node]) -> Room:
    """Return whether a node has room for ``demand`` now, or could ever have, and what is asked and there if not."""
    known = list(nodes)
    fitting = [node for node in known if _is_labelled(node, demand) and _holds(node.total, demand)]
    if not fitting:
        said = f"no node of the Ray cluster has {_asked(demand)}; there {_there(known, demand)}"
        return Room(is_there=False, is_possible=False, said=said)
    if not any(_holds(node.free, demand) for node in fitting):
        said = f"waiting for a node of the Ray cluster with {_asked(demand)} free"
        return Room(is_there=False, is_possible=True, said=said)
    return Room(is_there=True, is_possible=True, said="")


def _is_labelled(node: Node, demand: Demand) -> bool:
    return demand.labels.items() <= node.labels.items()


def _holds(resources: Mapping[str, float], demand: Demand) -> bool:
    return (
        resources.get("CPU", 0.0) >= demand.cpus
        and resources.get("memory", 0.0) >= demand.memory_bytes
        and resources.get("GPU", 0.0) >= demand.gpus
    )


def _asked(demand: Demand) -> str:
    said = [f"{demand.cpus:g} cpus"]
    if demand.memory_bytes:
        said.append(f"{demand.memory_bytes // _SHOWN_UNITS} MiB of memory")
    if demand.gpus:
        said.append(f"{demand.gpus:g} gpus")
    return ", ".join([*said, *_labels(demand.labels)])


def _there(nodes: list[Node], demand: Demand) -> str:
    """Return what there is, in the words of what is asked for, the most frequent kinds of nodes first."""
    kinds = Counter(_kind(node, demand) for node in nodes)
    said = [f"{count} with {kind}" for kind, count in kinds.most_common(MOST_SHOWN)]
    if len(kinds) > MOST_SHOWN:
        said.append("others")
    return f"are: {'; '.join(said)}" if said else "is none"


def _kind(node: Node, demand: Demand) -> str:
    said = [f"{node.total.get('CPU', 0.0):g} cpus"]
    if demand.memory_bytes:
        said.append(f"{node.total.get('memory', 0.0) // _SHOWN_UNITS:g} MiB of memory")
    if demand.gpus:
        said.append(f"{node.total.get('GPU', 0.0):g} gpus")
    own = {name: node.labels[name] for name in demand.labels if name in node.labels}
    return ", ".join([*said, *_labels(own)])


def _labels(labels: Mapping[str, str]) -> list[str]:
    return [f"label {name}={value}" for name, value in labels.items()]

"""Charts of assays, drawn with matplotlib (extra ``plots``) and without its global state."""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jupyter_wallaroo.errors import WallarooError
from jupyter_wallaroo.sdk import display
from jupyter_wallaroo.types.drift import Status

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from jupyter_wallaroo.sdk.assay_analysis import AssayAnalysis
    from jupyter_wallaroo.types.assay import AssaySummary

    Values = npt.NDArray[np.float64]

MAX_TICKS = 12
DENSITY_POINTS = 200
_MARKS = {Status.OK: ("o", "tab:green"), Status.WARNING: ("^", "tab:orange"), Status.ALERT: ("X", "tab:red")}


def show(figure: Figure) -> None:
    """Show a figure in the notebook; elsewhere, where nobody looks, do nothing."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return
    from IPython.display import Image
    from IPython.display import display as show_in_notebook

    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=96)
    show_in_notebook(Image(picture.getvalue(), format="png", alt=figure.get_suptitle()))  # type: ignore[no-untyped-call]


def scores(results: Sequence[AssayAnalysis], title: str, nth_x_tick: int | None = None) -> Figure:
    """Return a chart of scores over the windows' starts; each status has a colour and a sign of its own."""
    figure, axes = _drawing(title)
    starts: list[Any] = [display.moment(item.window_start) for item in results]  # matplotlib's types know no instants
    for status, (marker, colour) in _MARKS.items():
        places = [place for place, item in enumerate(results) if item.status is status]
        if places:
            axes.scatter(
                [starts[place] for place in places],
                [results[place].score for place in places],
                marker=marker,
                color=colour,
                label=status.value,
            )
    alert = results[0].alert_threshold
    if alert is not None:
        axes.axhline(alert, color="tab:red", linestyle="--", linewidth=1, label="alert threshold")
    every = nth_x_tick or max(1, -(-len(results) // MAX_TICKS))
    ticks = sorted(set(starts))[::every]
    axes.set_xticks(ticks, [f"{tick:%Y-%m-%d %H:%M:%S}" for tick in ticks], rotation=45, ha="right")
    axes.set_ylabel("score")
    axes.grid(visible=True)
    axes.legend()
    return figure


def bins(baseline: AssaySummary, window: AssaySummary | None, title: str) -> Figure:
    """Return a chart of the bins of a baseline and, beside them, of a window."""
    figure, axes = _drawing(title)
    names = baseline.edge_names
    labels = [name if edge is None else f"{name}\n{edge:.4g}" for name, edge in zip(names, baseline.edges, strict=True)]
    both = [("baseline", baseline)] + ([] if window is None else [("window", window)])
    width = 0.8 / len(both)
    for place, (label, summary) in enumerate(both):
        at = [number + (place - (len(both) - 1) / 2) * width for number in range(len(names))]
        axes.bar(at, summary.aggregated_values, width, label=label, hatch="//" if place else None, alpha=0.8)
    axes.set_xticks(range(len(names)), labels, rotation=45, ha="right")
    axes.set_ylabel(baseline.aggregation.value)
    axes.legend()
    return figure


def histogram(values: Values, title: str, count: int | None = None) -> Figure:
    """Return a histogram."""
    figure, axes = _drawing(title)
    axes.hist(values, bins=count or "auto")
    axes.set_ylabel("count")
    return figure


def density(values: Values, title: str) -> Figure:
    """Return an estimate of the density with a Gaussian kernel, whose width is Scott's rule's."""
    import numpy as np

    figure, axes = _drawing(title)
    spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    width = spread * len(values) ** -0.2 or 1.0
    at = np.linspace(values.min() - 3 * width, values.max() + 3 * width, DENSITY_POINTS)
    kernels = np.exp(-0.5 * ((at[:, None] - values[None, :]) / width) ** 2)
    axes.plot(at, kernels.mean(axis=1) / (width * np.sqrt(2 * np.pi)))
    axes.set_ylabel("density")
    return figure


def cumulative(values: Values, title: str) -> Figure:
    """Return the share of values that are at most as great as each."""
    import numpy as np

    figure, axes = _drawing(title)
    axes.step(np.sort(values), np.arange(1, len(values) + 1) / len(values), where="post")
    axes.set_ylabel("share")
    return figure


def _drawing(title: str) -> tuple[Figure, Axes]:
    """Return an empty figure with a title, which is text, not mathematics."""
    try:
        importlib.import_module("matplotlib")
    except ImportError as error:
        raise WallarooError(
            f"Charts need matplotlib, which cannot be imported here: {error}.",
            hint="pip install 'jupyter-wallaroo[plots]', then restart the kernel.",
        ) from None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained")
    figure.suptitle(title, parse_math=False)
    return figure, figure.subplots()

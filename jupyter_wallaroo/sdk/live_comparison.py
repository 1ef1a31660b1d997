"""How a model in a variable compares with what it became, as text and as a table."""

from __future__ import annotations

from collections.abc import Sequence

from jupyter_wallaroo.conversion.comparison import MAX_EXAMPLES, TOLERANCE, Compared, Example
from jupyter_wallaroo.sdk import display
from jupyter_wallaroo.sdk.object import ModelConversionError

_HEADINGS = ("row", "output", "original", "converted")


class LiveComparison:
    """What the original and the converted model answered.

    Parameters
    ----------
    label
        How messages call the model.
    rows
        How many rows both answered.
    kind
        What rows: of the sample, or random ones.
    outputs
        How each output differs.
    """

    def __init__(self, label: str, rows: int, kind: str, outputs: Sequence[Compared]) -> None:
        self.label = label
        self._rows = rows
        self._kind = kind
        self._outputs = list(outputs)

    def is_kept(self) -> bool:
        """Tell whether the converted model may stand for the original."""
        return all(output.is_kept for output in self._outputs)

    def largest_difference(self) -> float:
        """Return the largest difference of a number, relative to the larger of the original and one."""
        return max((output.largest for output in self._outputs), default=0.0)

    def changed_labels(self) -> int:
        """Return how many labels are not the same."""
        return sum(output.changed for output in self._outputs)

    def labels(self) -> int:
        """Return how many labels were compared."""
        return sum(output.labels for output in self._outputs)

    def examples(self) -> list[Example]:
        """Return the first values that differ."""
        return [example for output in self._outputs for example in output.examples][:MAX_EXAMPLES]

    def sentence(self) -> str:
        """Return it in one line."""
        labels = f", {self.changed_labels()} of {self.labels()} labels changed" if self.labels() else ""
        return (
            f"{self._rows} {self._kind} compared: largest difference {self.largest_difference():.1e} "
            f"(at most {TOLERANCE:g} is taken){labels}"
        )

    def _lines(self) -> list[tuple[object, ...]]:
        return [(item.row, item.output, item.original, item.converted) for item in self.examples()]

    def table(self) -> str:
        """Return the first values that differ as lines of text, "" when there are none."""
        return display.text_rows(_HEADINGS, self._lines()) if self.examples() else ""

    def __repr__(self) -> str:
        return f"{display.visible(self.sentence())}\n{self.table()}".rstrip()

    def _repr_html_(self) -> str:
        table = display.rows(_HEADINGS, self._lines()) if self.examples() else ""
        return f"<p>{display.cell(self.sentence())}</p>{table}"


class ModelDiffers(ModelConversionError):
    """A converted model does not answer as the original; carries the comparison, and prints the first differences."""

    def __init__(self, comparison: LiveComparison) -> None:
        super().__init__(
            f"{comparison.label} answers otherwise after its conversion to ONNX, so it was not uploaded: "
            f"{comparison.sentence()}.",
            hint="ONNX works with single precision: scale the features, or upload the dumped model as a file.",
        )
        self.comparison = comparison

    def __str__(self) -> str:
        return f"{super().__str__()}\n{self.comparison.table()}"

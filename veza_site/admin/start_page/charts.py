"""
Small bar charts, drawn on the server as inline SVG.

They need no script, and take their colours, light and dark, from start_page.css. All their numbers
also stand beside them as text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

# Of upright bars, in the units of the viewBox, which the page stretches to fit.
HEIGHT = 100
STEP = 10
GAP = 2

# How many lines show at first; the rest is folded away.
UNFOLDED = 8


@dataclass(frozen=True)
class Bar:
    """
    One bar of a chart.

    `size` is its length, in the unit of the whole chart; `text` says it in words, and `more` adds
    to it. `url` leads to the rows behind the bar.
    """

    label: str
    size: float
    text: str
    more: str = ""
    url: str = ""
    is_estimate: bool = False


def draw_columns(title: str, heads: Sequence[str], bars: Sequence[Bar]) -> SafeString:
    """Return a chart of upright bars, from left to right, with a table of their numbers to open."""
    drawn = [
        {
            "bar": bar,
            "x": number * STEP + GAP / 2,
            "y": HEIGHT - height,
            "width": STEP - GAP,
            "height": height,
        }
        for number, (bar, height) in enumerate(zip(bars, _scale(bars, HEIGHT), strict=True))
    ]
    largest = max(bars, key=lambda bar: bar.size)
    context = {
        "title": title,
        "heads": heads,
        "drawn": drawn,
        "largest": largest,
        "view": f"0 0 {len(bars) * STEP} {HEIGHT}",
    }
    return render_to_string("admin/charts/columns.html", context)


def draw_lines(title: str, heads: Sequence[str], bars: Sequence[Bar]) -> SafeString:
    """
    Return a table with a bar in each line. The lines after the first few are folded away.

    `heads` stand over the label, the `text` and `more`.
    """
    drawn = [
        {"bar": bar, "width": width} for bar, width in zip(bars, _scale(bars, 100), strict=True)
    ]
    context = {
        "title": title,
        "heads": heads,
        "first": drawn[:UNFOLDED],
        "rest": drawn[UNFOLDED:],
        "has_more": any(bar.more for bar in bars),
    }
    return render_to_string("admin/charts/lines.html", context)


def _scale(bars: Sequence[Bar], longest: float) -> list[float]:
    """Return the bars' lengths: the longest is `longest`, and none is too short to see."""
    largest = max((bar.size for bar in bars), default=0)
    return [round(max(bar.size / largest * longest, 1), 2) if bar.size else 0 for bar in bars]

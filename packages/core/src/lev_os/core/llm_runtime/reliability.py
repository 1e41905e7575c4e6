"""The reliability diagram of a measurement: how often answers of a confidence are right, as text and as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from .calibration import BINS, Bin, Calibration

_WIDTH = 40
_SIDE, _MARGIN = 360, 56


def as_text(bins: Sequence[Bin]) -> list[str]:
    """A line for each bin that has texts: a bar as long as its accuracy, and `|` where its confidence lies."""
    lines = [f"{'confidence':>11}  {'right':>5}  {'texts':>5}"]
    for bin in bins:
        if bin.confidence is None or bin.accuracy is None:
            continue
        bar = list("█" * round(bin.accuracy * _WIDTH) + " " * (_WIDTH - round(bin.accuracy * _WIDTH)) + " ")
        bar[round(bin.confidence * _WIDTH)] = "|"
        label = f"{bin.low:.1f} - {bin.low + 1 / BINS:.1f}"
        lines.append(f"{label:>11}  {bin.accuracy:>5.2f}  {bin.count:>5}  {''.join(bar).rstrip()}")
    return lines


def as_svg(measured: Calibration) -> str:
    """A picture of its own: accuracy over confidence, dots as large as their share of the texts, and the diagonal."""
    size = _SIDE + 2 * _MARGIN

    def x(value: float) -> float:
        return round(_MARGIN + value * _SIDE, 1)

    def y(value: float) -> float:
        return round(_MARGIN + (1 - value) * _SIDE, 1)

    title = f"{measured.step}: {measured.count} texts, calibration error {measured.error:.3f}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" width="{size}" height="{size}" '
        'font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{size}" height="{size}" fill="#fff"/>',
        f'<text x="{x(0)}" y="{_MARGIN / 2}" font-size="13">{escape(title)}</text>',
    ]
    for tick in range(0, 11, 2):
        at = tick / 10
        parts += [
            f'<line x1="{x(at)}" y1="{y(0)}" x2="{x(at)}" y2="{y(1)}" stroke="#ddd"/>',
            f'<line x1="{x(0)}" y1="{y(at)}" x2="{x(1)}" y2="{y(at)}" stroke="#ddd"/>',
            f'<text x="{x(at)}" y="{y(0) + 18}" text-anchor="middle">{at:.1f}</text>',
            f'<text x="{x(0) - 8}" y="{y(at) + 4}" text-anchor="end">{at:.1f}</text>',
        ]
    parts.append(f'<line x1="{x(0)}" y1="{y(0)}" x2="{x(1)}" y2="{y(1)}" stroke="#888" stroke-dasharray="4 4"/>')
    if measured.recommended is not None:
        at = measured.recommended.threshold
        parts += [
            f'<line x1="{x(at)}" y1="{y(0)}" x2="{x(at)}" y2="{y(1)}" stroke="#b40"/>',
            f'<text x="{x(at) - 4}" y="{y(1) + 12}" text-anchor="end" fill="#b40">answer from {at:.2f}</text>',
        ]
    filled = [(b.confidence, b.accuracy, b.count) for b in measured.bins if b.confidence is not None]
    corners = " ".join(f"{x(confidence)},{y(accuracy or 0)}" for confidence, accuracy, _ in filled)
    parts.append(f'<polyline points="{corners}" fill="none" stroke="#06c" stroke-width="1.5"/>')
    for confidence, accuracy, count in filled:
        radius = round(3 + 12 * (count / measured.count) ** 0.5, 1)
        dot = f'<circle cx="{x(confidence)}" cy="{y(accuracy or 0)}" r="{radius}" fill="#06c" fill-opacity="0.6">'
        parts.append(f"{dot}<title>{count} texts, {accuracy or 0:.2f} right</title></circle>")
    middle = _MARGIN + _SIDE / 2
    parts += [
        f'<text x="{middle}" y="{size - 14}" text-anchor="middle">confidence</text>',
        f'<text x="16" y="{middle}" text-anchor="middle" transform="rotate(-90 16 {middle})">share right</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"

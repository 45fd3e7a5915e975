# ruff: noqa: INP001 - a part of coverage.py
"""The picture of what an interval means."""

from benchmarks.coverage import Repeats


def picture(held: Repeats, feature: int, shown: int = 60) -> str:
    """An SVG of the first intervals of one feature's weighted score beside its average."""
    low, high = held.low["weighted"][:shown, feature], held.high["weighted"][:shown, feature]
    truth = float(held.estimates["weighted"][:, feature].mean())
    start, stop = float(low.min()), float(high.max())
    width, left, step, top = 720, 40, 10, 48

    def x(value: float) -> float:
        return round(left + (value - start) / (stop - start) * (width - 2 * left), 1)

    height = top + shown * step + 40
    missed = int(((truth < low) | (truth > high)).sum())
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{left}" y="24">{shown} repeats: {shown - missed} intervals hold the truth, {missed} do not</text>',
    ]
    middle = held.estimates["weighted"][:shown, feature]
    for i, (a, m, b) in enumerate(zip(low.tolist(), middle.tolist(), high.tolist(), strict=True)):
        colour, y = "#1f5a8a" if a <= truth <= b else "#d9660f", top + i * step
        lines.append(f'<path d="M{x(a)} {y}H{x(b)}" stroke="{colour}" stroke-width="3"/>')
        lines.append(f'<circle cx="{x(m)}" cy="{y}" r="3.5" fill="{colour}"/>')
    lines.append(f'<path d="M{x(truth)} {top - 12}V{height - 34}" stroke="#222" stroke-dasharray="4 3"/>')
    lines.append(f'<text x="{x(truth)}" y="{height - 14}" text-anchor="middle">true score {truth:.3f}</text></svg>')
    return "\n".join(lines) + "\n"

"""Charts as SVG: drawn by the server, coloured by the stylesheet, exact numbers on hover and focus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from markupsafe import Markup

HEIGHT, WIDTH = 160, 600
LEAST = 1.5
"""So that the smallest amount is still seen."""
_STEPS = (2, 4, 6, 8, 10)


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of a chart: a value for each day."""

    name: str
    values: Sequence[int]


def by_day(
    title: str, days: Sequence[datetime], series: Sequence[Series], write: Callable[[int], str]
) -> Markup:
    """A bar for each day, stacked of its series; `write` tells a value in words."""
    sums = [sum(values) for values in zip(*(one.values for one in series), strict=True)]
    top = _top(max(sums))
    step = WIDTH / len(days)
    bars = [
        Markup('<g class="day"><title>{label}</title>{hover}{parts}</g>').format(
            label=_label(day, number, sums[number], series, write),
            hover=_bar("hover", number * step, step, 0, HEIGHT),
            parts=Markup().join(_stack(series, number, step, top)),
        )
        for number, day in enumerate(days)
    ]
    return Markup(
        '<figure class="chart" data-chart><figcaption>{title} <output></output></figcaption>'
        '<div class="plot">'
        '<ol class="scale" aria-hidden="true"><li>{top}</li><li>{middle}</li><li>0</li></ol>'
        '<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" aria-label="{summary}">'
        '<path class="grid" d="M0 0H{width}M0 {half}H{width}"/>{bars}</svg></div>'
        '<div class="ends" aria-hidden="true"><span>{first:%b %-d}</span><span>{last:%b %-d}</span></div>'
        "{legend}</figure>"
    ).format(
        title=title,
        top=write(top),
        middle=write(top // 2),
        width=WIDTH,
        height=HEIGHT,
        half=HEIGHT // 2,
        summary=f"{title}: {write(sum(sums))} in {len(days)} days; the table has the numbers",
        bars=Markup().join(bars),
        first=days[0],
        last=days[-1],
        legend=_legend(series),
    )


def _stack(series: Sequence[Series], number: int, step: float, top: int) -> Iterator[Markup]:
    """The parts of one day's bar, from the ground."""
    gap = min(2.0, step / 4)
    heights = [one.values[number] / top * HEIGHT if one.values[number] else 0.0 for one in series]
    if 0 < sum(heights) < LEAST:
        heights = [height * LEAST / sum(heights) for height in heights]
    for at, (height, reached) in enumerate(zip(heights, accumulate(heights), strict=True)):
        if height:
            yield _bar(f"s{at + 1}", number * step + gap / 2, step - gap, HEIGHT - reached, height)


def _bar(kind: str, x: float, width: float, y: float, height: float) -> Markup:
    return Markup(
        '<rect class="{kind}" x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"/>'
    ).format(kind=kind, x=x, y=y, width=width, height=height)


def _label(
    day: datetime, number: int, total: int, series: Sequence[Series], write: Callable[[int], str]
) -> str:
    parts = [f"{one.name} {write(one.values[number])}" for one in series if one.values[number]]
    detail = f" ({', '.join(parts)})" if len(series) > 1 and parts else ""
    return f"{day:%Y-%m-%d}: {write(total)}{detail}"


def _legend(series: Sequence[Series]) -> Markup:
    if len(series) < 2:
        return Markup()
    names = (
        Markup('<li class="s{at}">{name}</li>').format(at=at, name=one.name)
        for at, one in enumerate(series, start=1)
    )
    return Markup('<ul class="legend">{}</ul>').format(Markup().join(names))


def _top(highest: int) -> int:
    """The round number at the upper end of the scale, whose half is round too."""
    power = 1
    while highest > 10 * power:
        power *= 10
    return next(step * power for step in _STEPS if highest <= step * power)

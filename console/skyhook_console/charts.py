"""Charts as SVG: drawn by the server, coloured by the stylesheet, exact numbers on hover and focus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

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
    scale = (write(top), write(top // 2)) if any(sums) else ("", "")  # nothing needs no scale
    step = WIDTH / len(days)
    hovers = [
        Markup(
            '<g class="day"><title>{label}</title>'
            '<rect x="{x:.1f}" width="{step:.1f}" height="{height}"/></g>'
        ).format(label=_label(day, at, sums[at], series, write), x=at * step, step=step, height=HEIGHT)
        for at, day in enumerate(days)
    ]
    return Markup(
        '<figure class="chart" data-chart><figcaption>{title} <output></output></figcaption>'
        '<div class="plot">'
        '<ol class="scale" aria-hidden="true"><li>{top}</li><li>{middle}</li><li>0</li></ol>'
        '<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" aria-label="{summary}">'
        '<path class="grid" d="M0 0H{width}M0 {half}H{width}"/>{bars}{hovers}</svg></div>'
        '<div class="ends" aria-hidden="true"><span>{first:%b %-d}</span><span>{last:%b %-d}</span></div>'
        "{legend}</figure>"
    ).format(
        title=title,
        top=scale[0],
        middle=scale[1],
        width=WIDTH,
        height=HEIGHT,
        half=HEIGHT // 2,
        summary=f"{title}: {write(sum(sums))} in {len(days)} days; the table has the numbers",
        bars=_bars(series, sums, step, top),
        hovers=Markup().join(hovers),
        first=days[0],
        last=days[-1],
        legend=_legend(series),
    )


def _bars(series: Sequence[Series], sums: Sequence[int], step: float, top: int) -> Markup:
    """A path for each series, with a box for each day, stacked from the ground."""
    gap = min(2.0, step / 4)
    grounds = [float(HEIGHT)] * len(sums)
    paths = []
    for at, one in enumerate(series, start=1):
        boxes = []
        for day, value in enumerate(one.values):
            if value:
                height = value / sums[day] * max(sums[day] / top * HEIGHT, LEAST)
                ground = grounds[day]
                grounds[day] = ground - height
                left, width = day * step + gap / 2, step - gap
                boxes.append(f"M{left:.1f} {ground:.1f}v{-height:.2f}h{width:.1f}v{height:.2f}z")
        paths.append(Markup('<path class="s{at}" d="{boxes}"/>').format(at=at, boxes="".join(boxes)))
    return Markup().join(paths)


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

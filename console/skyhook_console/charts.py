"""Charts as SVG: drawn by the server, coloured by the stylesheet, exact numbers on hover."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from markupsafe import Markup

from skyhook_console.formats import dollars

HEIGHT, WIDTH, GAP = 120, 600, 2


def by_day(title: str, days: Sequence[datetime], value_of: Callable[[datetime], int]) -> Markup:
    """Amounts in nano-dollars, a bar for each day."""
    values = [value_of(day) for day in days]
    highest = max(values) or 1
    step = WIDTH / len(days)
    bars = [
        Markup(
            '<g class="day"><rect class="hover" x="{x:.2f}" y="0" width="{step:.2f}" height="{full}"/>'
            '<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" rx="1.5"/>'
            "<title>{label}</title></g>"
        ).format(
            x=number * step,
            step=step,
            full=HEIGHT,
            y=HEIGHT - _height(value, highest),
            width=step - GAP,
            height=_height(value, highest),
            label=f"{day:%Y-%m-%d}: {dollars(value)}",
        )
        for number, (day, value) in enumerate(zip(days, values, strict=True))
    ]
    return Markup(
        '<figure class="chart"><figcaption>{title} <span>highest {highest}</span></figcaption>'
        '<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" aria-label="{summary}">'
        '{bars}</svg><div class="ends"><span>{first:%b %d}</span><span>{last:%b %d}</span></div></figure>'
    ).format(
        title=title,
        highest=dollars(max(values)),
        width=WIDTH,
        height=HEIGHT,
        summary=f"{title}: {dollars(sum(values))} in {len(days)} days; the table has each number",
        bars=Markup().join(bars),
        first=days[0],
        last=days[-1],
    )


def _height(value: int, highest: int) -> float:
    return max(value / highest * (HEIGHT - 4), 2.0) if value else 0.0

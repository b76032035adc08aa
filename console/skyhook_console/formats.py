"""How the console writes amounts and times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from markupsafe import Markup

from skyhook.billing.prices import SEEDED_AT
from skyhook.billing.rates import WHOLE
from skyhook.clock import now

NANO = 1_000_000_000
CENT = NANO // 100
_STEPS = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))


def dollars(nano: int | None) -> str:
    """Nano-dollars as dollars: cents at least, and as many digits more as tell it exactly, up to 9."""
    if nano is None:
        return "–"
    whole, rest = divmod(abs(nano), NANO)
    digits = f"{rest:09}"
    cents, more = digits[:2], digits[2:].rstrip("0")
    return f"{'−' if nano < 0 else ''}${whole:,}.{cents}{more}"


def cents(amount: int) -> str:
    """US cents as dollars."""
    return dollars(amount * CENT)


def signed(nano: int) -> str:
    """An amount that was added or taken away."""
    return f"+{dollars(nano)}" if nano > 0 else dollars(nano)


def price(nano: int, unit: str, share: int = WHOLE) -> str:
    """What a unit costs, or as many of them as make the amount one that can be read.

    `share` is what a discount leaves of it, in basis points.
    """
    number = next((number for number in (1, 1_000) if nano * number >= CENT or not nano), 1_000_000)
    return f"{dollars(nano * number * share // WHOLE)} per {unit if number == 1 else f'{number:,} {unit}s'}"


def percent(basis_points: int) -> str:
    """Hundredths of a per cent."""
    whole, rest = divmod(basis_points, 100)
    return f"{whole}{f'.{rest:02}'.rstrip('0') if rest else ''} %"


def count(number: int) -> str:
    """A number with its thousands apart."""
    return f"{number:,}"


def size(number: int) -> str:
    """Bytes, in the largest unit of which there is one."""
    if number < 1000:
        return f"{number} bytes"
    amount = float(number)
    for unit in ("KB", "MB", "GB"):
        amount /= 1000
        if amount < 999.95 or unit == "GB":
            break
    return f"{amount:.1f} {unit}"


def seconds(number: float) -> str:
    """Seconds, as exactly as one cares to know."""
    if number < 10:
        return f"{number:.1f} s"
    minutes, rest = divmod(round(number), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{rest} s"


def duration(passed: timedelta | None) -> str:
    """How long something took; nothing where it never began."""
    return "–" if passed is None else seconds(max(passed.total_seconds(), 0.0))


def inline_code(text: str) -> Markup:
    """A description, with what it has between backticks as code."""
    code, plain = Markup("<code>{}</code>"), Markup("{}")
    parts = text.split("`")
    return Markup().join(
        (code if number % 2 and number < len(parts) - 1 else plain).format(part)
        for number, part in enumerate(parts)
    )


def moment(at: datetime | None, otherwise: str = "never") -> Markup:
    """A time, to the minute, in UTC; a browser shows its own on hover."""
    if at is None:
        return Markup("{}").format(otherwise)
    at = at.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), at.strftime("%Y-%m-%d %H:%M UTC"))


def since(at: datetime) -> Markup:
    """When something began to hold; the prices of manifests hold from the beginning."""
    return Markup("the beginning") if at <= SEEDED_AT else moment(at)


def ago(at: datetime | None, otherwise: str = "never") -> Markup:
    """A time as how long ago it is, with the time itself on hover."""
    if at is None:
        return Markup("{}").format(otherwise)
    passed = now() - at
    text = "just now"
    for step, name in _STEPS:
        if passed >= step:
            number = passed // step
            text = f"{number} {name}{'' if number == 1 else 's'} ago"
            break
    title = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at.isoformat(), title, text)

"""Numbers and lists as a reader expects them in a sentence or a table cell.

Every function is pure and gives plain text; escaping is the templates' work.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_SIGNIFICANT = 3
_MOST_DECIMALS = 8


def is_number(value: float | None) -> bool:
    """Whether there is a finite number to print."""
    return value is not None and math.isfinite(value)


def decimals(values: Iterable[float | None]) -> int:
    """Decimals that give the largest value of a column three significant digits, the same for all its cells."""
    largest = max((abs(v) for v in values if v is not None and math.isfinite(v)), default=0.0)
    if largest == 0:
        return 0
    return min(_MOST_DECIMALS, max(0, _SIGNIFICANT - 1 - math.floor(math.log10(largest))))


def number(value: float | None, places: int | None = None) -> str:
    """A number with thousands separators and a true minus; three significant digits unless `places` says more."""
    if value is None or not math.isfinite(value):
        return NONE
    text = f"{value:,.{decimals([value]) if places is None else places}f}"
    if not any(c in "123456789" for c in text):
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def score(value: float, places: int) -> str:
    """A score that is never negative: what is more than nothing, but less than the column's decimals, says so."""
    text = number(value, places)
    return f"<{10**-places:.{places}f}" if value > 0 and not any(c in "123456789" for c in text) else text


def signed(value: float | None, places: int | None = None) -> str:
    """A number that always carries its sign, as a weight does."""
    text = number(value, places)
    return f"+{text}" if value is not None and value > 0 and any(c in "123456789" for c in text) else text


def percent(share: float | None) -> str:
    """A share of one as a percentage; never rounds to 0% or 100% what is not."""
    if share is None or not math.isfinite(share):
        return NONE
    points = 100 * share
    if points in (0, 100) or round(points) not in (0, 100):
        return f"{points:.0f}%".replace("-", MINUS)
    if 0 < points < 0.1:  # noqa: PLR2004  the smallest step that one decimal shows
        return "<0.1%"
    if 99.9 < points < 100:  # noqa: PLR2004  the same, from above
        return ">99.9%"
    return f"{points:.1f}%".replace("-", MINUS)


def plural(n: int, one: str, many: str | None = None) -> str:
    """The word alone: `row` for one, `rows` for any other count."""
    return one if n == 1 else many or f"{one}s"


def count(n: int, one: str, many: str | None = None) -> str:
    """A count with its word: `1 row`, `1,000 rows`."""
    return f"{n:,} {plural(n, one, many)}"


def listing(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))


def duration(seconds: float) -> str:
    """Seconds as `0.42 s`, `12.3 s`, `4 min 5 s` or `2 h 3 min`."""
    minute, hour = 60, 3600
    if seconds < minute:
        return f"{number(seconds)} s"
    if seconds < hour:
        return f"{int(seconds // minute)} min {int(seconds % minute)} s"
    return f"{int(seconds // hour)} h {int(seconds % hour // minute)} min"


def moment(created: str) -> datetime:
    """The manifest's ISO 8601 time as UTC; a time without a zone is taken as UTC."""
    parsed = datetime.fromisoformat(created)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def day(created: str) -> str:
    """`22 November 2026`, whatever the machine's language."""
    when = moment(created)
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}"


def calendar_day(text: str) -> str:
    """`2026-11-30` as `30 November 2026`."""
    return day(f"{text}T00:00:00+00:00")


def day_and_time(created: str) -> str:
    """`22 November 2026, 14:05 UTC`."""
    return f"{day(created)}, {moment(created):%H:%M} UTC"

"""Candidate reasons in words, for the terminal."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from limekiln.reasons.document import Reason, Reasons, RowReasons

_ROWS_TOLD: Final = 3
_FEATURES_TOLD: Final = 8


def lines(found: Reasons) -> Iterator[str]:
    """What was found over all rows, then the first rows one by one."""
    ref = found.reference
    yield f"{found.model}, run {found.run_id}: candidate reasons for {found.class_name}"
    yield f"NOT AN ADVERSE ACTION NOTICE. {found.not_a_notice}"
    yield ""
    count = f"{found.rows_of_class:,}"
    shown = count if len(found.rows) == found.rows_of_class else f"the first {len(found.rows):,} of {count}"
    yield f"rows        {shown} predicted {found.class_name}, at most {found.top} reasons each"
    yield f"reference   {ref.asked}: {ref.rows:,} explained rows, {ref.usable:,} of them with a usable explanation"
    yield f"for people  {_for_people(found)}"
    yield from _limits(found)
    yield ""
    yield from _often(found)
    for row in found.rows[:_ROWS_TOLD]:
        yield ""
        yield from _row(row, found)
    if left := len(found.rows) - _ROWS_TOLD:
        yield from ("", f"and {left:,} more rows in the files") if left > 0 else ()


def _for_people(found: Reasons) -> str:
    why = Counter(row.trust for row in found.rows if row.for_a_person)
    if not why:
        return "no row is marked; reasons are still candidates"
    told = ", ".join(f"{trust} {n:,}" for trust, n in why.most_common())
    marked = sum(why.values())
    return (
        f"{marked:,} of {len(found.rows):,} rows have an explanation that is not to be relied on ({told}): a person "
        "must judge"
    )


def _limits(found: Reasons) -> Iterator[str]:
    if found.below_floor:
        yield f"never       {', '.join(found.below_floor)}: not above the noise floor for this class"
    if not found.floor_measured:
        yield "never       no noise floor was measured, so a feature that does nothing may be among the reasons"
    if found.not_compared:
        yield f"never       {', '.join(found.not_compared)}: no row of the class has the reference's values"
    if found.codes_sha256 is None:
        yield "codes       none; --codes FILE gives each feature, or feature and value, a code and a text"
    elif found.without_code:
        yield f"no code     {', '.join(found.without_code)}"
    for note in found.notes:
        yield f"note        {note}"


def _often(found: Reasons) -> Iterator[str]:
    often = Counter(r.feature for row in found.rows for r in row.reasons)
    first = Counter(row.reasons[0].feature for row in found.rows if row.reasons)
    if not often:
        yield "no feature speaks for the class more than in the reference"
        return
    yield f"{'reason in':>9}  {'first in':>8}  feature"
    for feature, n in often.most_common(_FEATURES_TOLD):
        yield f"{n:>9,}  {first[feature]:>8,}  {feature}"
    if left := len(often) - _FEATURES_TOLD:
        yield from (f"{'':>19}  and {left:,} more",) if left > 0 else ()


def _row(row: RowReasons, found: Reasons) -> Iterator[str]:
    fit = "" if row.r2 is None else f", R² {row.r2:.2f}"
    mark = f"  FOR A PERSON: {row.trust}" if row.for_a_person else ""
    yield f"row {row.row}: {found.unit} {row.predicted:.2f}{fit}{mark}"
    for i, reason in enumerate(row.reasons, start=1):
        yield f"  {i}  {reason.contribution:+.3f}  {_reason(reason, coded=found.codes_sha256 is not None)}"
    if not row.reasons:
        yield "  no feature speaks for the class more than in the reference"
    if row.tied:
        yield f"     the next, {row.tied}, can hardly be told from the last"
    if row.noise:
        yield f"     not among them, for it may be noise: {', '.join(row.noise)}"


def _reason(reason: Reason, *, coded: bool) -> str:
    code = f"[{reason.code or 'no code'}] " if coded else ""
    text = f" – {reason.text}" if reason.text else ""
    what = f"{reason.feature} = {reason.value or '(unknown)'}"
    return f"{code}{what}{text} ({reason.same_value:.0%} of the reference have it)"

"""A verification in words, for the terminal."""

from collections.abc import Iterator
from typing import Final

from limekiln.verification.document import Verdict, Verification

_MARKS: Final[dict[Verdict, str]] = {
    "confirmed": "ok",
    "refuted": "REFUTED",
    "could not run": "COULD NOT RUN",
    "not checked": "not checked",
}


def lines(found: Verification) -> Iterator[str]:
    """Every check with its verdict, and the verdict over all of them last."""
    width = max(len(mark) for mark in _MARKS.values())
    for check in found.checks:
        yield f"{_MARKS[check.verdict]:<{width}}  {check.part:<10}  {check.words}"
        if check.expected is not None or (check.verdict == "refuted" and check.found is not None):
            yield f"{'':<{width}}  {'':<10}    expected {check.expected or 'nothing'}"
            yield f"{'':<{width}}  {'':<10}    found    {check.found or 'nothing'}"
    if any(check.part == "rows" and check.verdict in {"confirmed", "refuted"} for check in found.checks):
        yield f"rows drawn with --seed {found.seed}"
    yield f"{found.run_id or 'the run'}: {_verdict(found)}"


def _verdict(found: Verification) -> str:
    if found.verdict == "refuted":
        about = dict.fromkeys(check.about for check in found.checks if check.verdict == "refuted")
        return f"refuted: {', '.join(about)}"
    open_ = [check for check in found.checks if check.verdict == found.verdict and found.verdict == "could not run"]
    if open_:
        return f"could not be verified: {', '.join(dict.fromkeys(check.part for check in open_))}"
    left = dict.fromkeys(check.part for check in found.checks if check.verdict == "not checked")
    return "confirmed" + (f"; not checked: {', '.join(left)}" if left else "")

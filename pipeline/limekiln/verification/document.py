"""What `limekiln verify` found, as values: the document that `--json` prints."""

from typing import Final, Literal

from limekiln.evidence import Stored

SCHEMA: Final = 1
Part = Literal["files", "manifest", "chain", "contents", "reports", "rows", "signatures"]
Verdict = Literal["confirmed", "refuted", "could not run", "not checked"]
"""Of one check: `could not run` was asked for, `not checked` has nothing to compare with, or nobody asked."""


class Check(Stored):
    """One thing that was looked at: a file, or something else by name.

    `words` is a sentence. `expected` and `found` are there where two things differ, None where a file is missing or
    does not belong.
    """

    part: Part
    verdict: Verdict
    about: str
    words: str
    expected: str | None = None
    found: str | None = None


class Verification(Stored):
    """A run and every check of it. `seed` draws the `rows` that are explained again; `tolerance` is of their weights.

    `verdict` is `refuted` where one check is, else `could not run` where one could not, else `confirmed`.
    """

    schema_number: int = SCHEMA
    run_id: str
    manifest_sha256: str | None
    verdict: Literal["confirmed", "refuted", "could not run"]
    rows: int | Literal["all"]
    seed: int
    tolerance: float
    checks: tuple[Check, ...]


def worst(checks: tuple[Check, ...]) -> Literal["confirmed", "refuted", "could not run"]:
    """The verdict over all checks."""
    found = {check.verdict for check in checks}
    if "refuted" in found:
        return "refuted"
    return "could not run" if "could not run" in found else "confirmed"

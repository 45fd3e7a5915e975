"""What `limekiln reasons` found, as values: the document that it writes, and its table.

A pure function of the run, the code table and what was asked for; no time, no place.
"""

from typing import Final

import pandas as pd

from limekiln.evidence import Stored

SCHEMA: Final = 1
NOT_A_NOTICE: Final = (
    "Candidate reasons that support a person's review. This is not an adverse action notice and does not replace one: "
    "the weights approximate the model near each row. Whoever decides must check for each row that a reason relates to "
    "and accurately describes a factor actually considered, choose the principal ones, put them in words that are "
    "specific, and answer for the notice (in the United States 12 CFR 1002.9)."
)


class Reference(Stored):
    """The population that rows are set against.

    `asked` is how it was named, `rows` how many explained rows it has, `usable` those of them whose explanation is
    usable, `adverse` those that are themselves predicted the class, `not_explained` rows of a file that the run did
    not explain.
    """

    asked: str
    rows: int
    usable: int
    adverse: int
    not_explained: int


class Reason(Stored):
    """A feature that speaks for the class more than in the reference.

    `contribution` is in units of the model's output, `weight` the local weight as the run has it, `same_value` the
    share of the reference rows with the same value.
    """

    feature: str
    value: str
    code: str | None
    text: str | None
    contribution: float
    weight: float
    same_value: float


class RowReasons(Stored):
    """One row, its reasons with the strongest first.

    `for_a_person`: the row's explanation is not usable (`trust`), so its reasons are not to be relied on. `tied` is a
    feature that was left out although it cannot well be told from the last reason; `noise` names features that would
    be among the reasons but are not above their noise floor.
    """

    row: str
    predicted: float
    r2: float | None
    trust: str
    for_a_person: bool
    reasons: tuple[Reason, ...]
    tied: str | None
    noise: tuple[str, ...]


class Reasons(Stored):
    """Candidate reasons for every row, or the first ones, that a run predicts a class.

    `rows_of_class` is how many there are. `below_floor` are features that are never reasons, since the class's scores
    of them are not above the noise floor (`floor_measured`: whether there is one); `not_compared` those whose values in
    the reference have no known effect; `without_code` those among the reasons that the code table lacks.
    """

    schema_number: int = SCHEMA
    not_a_notice: str = NOT_A_NOTICE
    run_id: str
    model: str
    results_sha256: str
    explanations_sha256: str
    codes_sha256: str | None
    class_name: str
    unit: str
    top: int
    rows_of_class: int
    reference: Reference
    floor_measured: bool
    below_floor: tuple[str, ...]
    not_compared: tuple[str, ...]
    without_code: tuple[str, ...]
    notes: tuple[str, ...]
    rows: tuple[RowReasons, ...]


COLUMNS: Final = (
    "row", "class", "predicted", "r2", "trust", "for_a_person", "candidate", "candidate_code", "candidate_text",
    "feature", "value", "contribution", "weight", "same_value_in_reference", "tied_with",
)  # fmt: skip


def table(found: Reasons) -> pd.DataFrame:
    """One line for each candidate reason; a row without any has one line, whose `candidate` is empty."""
    lines: list[tuple[object, ...]] = []
    for row in found.rows:
        person = "yes" if row.for_a_person else "no"
        head = (row.row, found.class_name, row.predicted, row.r2, row.trust, person)
        for i, r in enumerate(row.reasons, start=1):
            tied = row.tied if i == len(row.reasons) else None
            lines.append((*head, i, r.code, r.text, r.feature, r.value, r.contribution, r.weight, r.same_value, tied))
        if not row.reasons:
            lines.append((*head, *[None] * (len(COLUMNS) - len(head))))
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype({"candidate": "Int64"})

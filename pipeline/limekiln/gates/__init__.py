"""Whether a run passes the gates of its config: each rule's judge, and the verdict over all of them.

A rule that the evidence settles passes or fails. One that it does not settle, or that there is no evidence for, is
undecided: it never passes for want of evidence. A new rule is a section in `settings.gates` and, in a module here, a
function registered with `judging.judge_one`; nothing else knows the rules.
"""

from limekiln.gates import pools, protected, ranks, rows, stable
from limekiln.gates.judging import Evidence, judge, judge_one, verdict
from limekiln.gates.names import Known, check_names
from limekiln.gates.words import NOT_MEASURED, WORDS, asked, counted, interval, lines, measured, value

__all__ = [
    "NOT_MEASURED",
    "WORDS",
    "Evidence",
    "Known",
    "asked",
    "check_names",
    "counted",
    "interval",
    "judge",
    "judge_one",
    "lines",
    "measured",
    "pools",
    "protected",
    "ranks",
    "rows",
    "stable",
    "value",
    "verdict",
]

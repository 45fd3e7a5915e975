"""A run's gates as JUnit XML, which CI servers show as tests.

An undecided gate is an `<error>` and not `<skipped>`: servers let a skipped test pass, and a gate that could not be
decided must not look like one that holds.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from limekiln.evidence import GateOutcome, GateVerdict
from limekiln.gates import asked, measured
from limekiln.record import Results

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAGS: Final[dict[GateVerdict, str]] = {"fail": "failure", "undecided": "error"}


def render(results: Results) -> str:
    """The gates as a `<testsuites>` document with a `<testcase>` for each; no time and no place, as in results.json."""
    outcomes = results.gates
    counts = {
        "tests": f"{len(outcomes)}",
        "failures": f"{sum(o.verdict == 'fail' for o in outcomes)}",
        "errors": f"{sum(o.verdict == 'undecided' for o in outcomes)}",
        "skipped": "0",
        "time": "0",
    }
    root = ET.Element("testsuites", {"name": "limekiln", **counts})
    suite = ET.SubElement(root, "testsuite", {"name": _storable(f"gates of {results.model.name}"), **counts})
    for outcome, name in zip(outcomes, _names(outcomes), strict=True):
        _add(suite, outcome, name, f"gates.{results.model.name}")
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _names(outcomes: Sequence[GateOutcome]) -> list[str]:
    """A name for each gate; servers take two cases of one name for one test, so the later ones are numbered."""
    seen: Counter[str] = Counter()
    names = []
    for outcome in outcomes:
        name = f"{outcome.rule}: {outcome.about}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def _add(suite: ET.Element, outcome: GateOutcome, name: str, group: str) -> None:
    case = ET.SubElement(suite, "testcase", {"classname": _storable(group), "name": _storable(name), "time": "0"})
    numbers = f"value {measured(outcome)}" + (f", asked for {asked(outcome)}" if asked(outcome) else "")
    if outcome.verdict == "pass":
        ET.SubElement(case, "system-out").text = _storable(f"{numbers}\n{outcome.reason}")
        return
    found = ET.SubElement(case, _TAGS[outcome.verdict], {"type": outcome.verdict, "message": _storable(outcome.reason)})
    found.text = _storable(numbers)


def _storable(text: str) -> str:
    """The text without the characters that XML 1.0 cannot hold, not even escaped."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)

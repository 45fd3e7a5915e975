"""Does a run follow the one that it says it follows, and does the index know it?"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from limekiln import chain, seal
from limekiln.chain import INDEX, Index
from limekiln.seal import MANIFEST
from limekiln.verification.document import Check, Verdict


def check(beside: Path, manifest: Mapping[str, Any]) -> list[Check]:
    """The run before, where it is at hand, and the index of runs."""
    index = chain.read(beside / INDEX)
    return [_previous(beside, manifest, index), *_indexed(manifest, index)]


def _previous(beside: Path, manifest: Mapping[str, Any], index: Index | None) -> Check:
    name = manifest.get("previous_run")
    if name is None:
        return _say("confirmed", "previous run", "the run says that it is the first of its model")
    if Path(str(name)).name != name:
        return _say(
            "refuted", "previous run", f"manifest.json names {name!r}, which is no run", "a run's id", str(name)
        )
    try:
        content = (beside / name / MANIFEST).read_bytes()
    except OSError:
        return _by_index(name, manifest.get("previous_seal"), index)
    if manifest.get("previous_manifest_sha256") == hashlib.sha256(content).hexdigest():
        return _say("confirmed", name, f"the previous run, {name}, is the one that this run was told of")
    return _by_seal(name, manifest.get("previous_seal"), content)


def _by_seal(name: str, expected: str | None, content: bytes) -> Check:
    """The previous run whose manifest is not the same file any more, which drawing it again may have done."""
    try:
        found = seal.of_run(seal.read(content))
    except ValueError as error:
        return _say("refuted", name, f"the previous run, {name}: manifest.json {error}", expected)
    if expected is None:
        words = f"the previous run, {name}, has another manifest: it was changed, or its report was drawn again"
        return _say("not checked", name, words)
    if found != expected:
        return _say("refuted", name, f"the previous run, {name}, was changed since", expected, found)
    words = f"the previous run, {name}, is the one that this run was told of; its report was drawn again since"
    return _say("confirmed", name, words)


def _by_index(name: str, expected: str | None, index: Index | None) -> Check:
    seals = set() if index is None else index.seals(name)
    if not seals or expected is None:
        return _say("not checked", name, f"the previous run, {name}, is not at hand")
    if seals != {expected}:
        found = ", ".join(sorted(seals - {expected}))
        return _say("refuted", name, f"the previous run, {name}, has another seal in {INDEX}", expected, found)
    return _say("confirmed", name, f"the previous run, {name}, is not at hand, but {INDEX} has the seal that it had")


def _indexed(manifest: Mapping[str, Any], index: Index | None) -> list[Check]:
    run_id = str(manifest.get("run_id"))
    if index is None:
        return [_say("not checked", INDEX, f"there is no {INDEX} beside the run")]
    found = [_say("refuted", INDEX, f"{INDEX}: {words}") for words in index.broken]
    expected, seals = seal.of_run(manifest), index.seals(run_id)
    if not seals:
        return [*found, _say("not checked", INDEX, f"{INDEX} has no line of this run")]
    if seals != {expected}:
        listed = ", ".join(sorted(seals - {expected}))
        return [*found, _say("refuted", INDEX, f"{INDEX} has another seal of this run", listed, expected)]
    n = len(index.lines)
    return found or [_say("confirmed", INDEX, f"{INDEX} is whole, {n} run{'s' if n != 1 else ''}, and knows this one")]


def _say(verdict: Verdict, about: str, words: str, expected: str | None = None, found: str | None = None) -> Check:
    return Check(part="chain", verdict=verdict, about=about, words=words, expected=expected, found=found)

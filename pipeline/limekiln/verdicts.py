"""What a run is judged by once its explanations are there: proxies, what changed since the last run, and the gates."""

from dataclasses import replace
from pathlib import Path

from limekiln import comparison, gates, proxies, store
from limekiln.change import Change, RunName
from limekiln.data.frame import Frame
from limekiln.errors import InputError
from limekiln.record import RunRecord
from limekiln.settings import Settings


def judged(record: RunRecord, settings: Settings, frame: Frame, runs: Path) -> RunRecord:
    """The record with its proxies, the change since the last run in the folder `runs`, and the gates' outcomes."""
    results = record.results.model_copy(update={"proxies": proxies.measure(frame, settings)})
    change = since_last(replace(record, results=results), runs)
    outcomes = gates.judge(settings.gates, gates.Evidence(results, record.tables, change))
    return replace(record, results=results.model_copy(update={"gates": outcomes}), change=change)


def since_last(record: RunRecord, runs: Path) -> Change | None:
    """What changed since the run that the manifest names; None for the first.

    A last run that cannot be read, or holds what no version wrote, is told of and costs no run.
    """
    last, digest = record.manifest.previous_run, record.manifest.previous_manifest_sha256
    if last is None:
        return None
    try:
        return comparison.between(store.read(runs / last), record, (digest, None))
    except (InputError, LookupError, TypeError, ValueError) as error:
        why = f"its files cannot be read ({error})" if isinstance(error, InputError) else "its tables cannot be read"
        return comparison.unreadable(RunName(run_id=last, manifest_sha256=digest), record, why)

"""An evaluation in words, for the terminal."""

from collections.abc import Iterator
from typing import Final

from limekiln.evaluation.document import ClassEvaluation, Estimate, Evaluation, Mean, RetrainedMode, Retraining, Verdict
from limekiln.record import ALL_CLASSES

_THAN_RANDOM: Final[dict[Verdict, str]] = {
    "better": "better",
    "worse": "WORSE",
    "open": "not told apart",
    "too few rows": "too few rows",
}
_THAN_RIVAL: Final[dict[Verdict, str]] = _THAN_RANDOM | {"better": "ahead", "worse": "behind"}
_NAMED: Final = 5
_MODES: Final = {"keep": "kept, all others taken away", "remove": "taken away"}


def lines(evaluation: Evaluation) -> Iterator[str]:
    """What a reader should take from it, class by class; then retraining, where it was asked for."""
    asked = evaluation.asked
    changed = "change" if evaluation.task == "regression" else "fall"
    yield f"{evaluation.model}, run {evaluation.run_id}: is the ranking by NormLIME {evaluation.score} right?"
    yield (
        f"AOPC is the mean {changed} of the output as the first {asked.length} of {evaluation.n_features} features are "
        f"replaced one after the other; in brackets {asked.confidence:.0%} intervals"
    )
    for found in evaluation.classes:
        yield ""
        yield from _class(found, evaluation)
    if evaluation.left_out:
        yield f"left out, no row is predicted so: {', '.join(evaluation.left_out)}"
    if evaluation.retraining is not None:
        yield ""
        yield from _retraining(evaluation.retraining)


def _class(found: ClassEvaluation, evaluation: Evaluation) -> Iterator[str]:
    d, p = found.deletion, found.permutation
    who = "all classes together" if found.name == ALL_CLASSES else found.name
    refused = f", {d.refused:,} more refused" if d.refused else ""
    yield f"{who}: {d.rows:,} rows, {d.unseen:,} of them not explained in the run{refused}"
    beaten = "" if d.beaten is None else f", ahead of {d.beaten:.0%} of {evaluation.asked.random_orders} orders"
    yield f"  the run's ranking    AOPC {_told(d.aopc)}: {', '.join(found.features[:_NAMED])}"
    yield f"  than random orders   {_told(d.over_random, signed=True)}{beaten}: {_THAN_RANDOM[d.verdict]}"
    yield f"  permutation's order  AOPC {_told(p.aopc)}: {', '.join(p.features[:_NAMED])}"
    yield f"  than permutation's   {_told(p.over_permutation, signed=True)}: {_THAN_RIVAL[p.verdict]}"
    rank = f"rank correlation {p.rank_correlation:.2f}"
    yield f"  the two agree        {rank}, {round(p.overlap * p.among)} of the first {p.among} in common"


def _retraining(found: Retraining) -> Iterator[str]:
    who = "all classes together" if found.ranking_of == ALL_CLASSES else found.ranking_of
    yield (
        f"trained anew by {found.train}, {len(found.seeds)} seeds, ranking of {who}: {found.training_rows:,} rows to "
        f"train on, {found.test_rows:,} to judge by; {found.score} with all features {_mean(found.everything)}, with "
        f"none {_mean(found.nothing)}"
    )
    for mode in found.modes:
        yield from _mode(mode)


def _mode(mode: RetrainedMode) -> Iterator[str]:
    better = "higher" if mode.mode == "keep" else "lower"
    yield f"  features {_MODES[mode.mode]} ({better} is better)"
    yield f"    {'first':>5}  {'the run':>13}  {'permutation':>13}  {'random':>13}"
    for step in mode.steps:
        cells = "  ".join(f"{_mean(m):>13}" for m in (step.ranking, step.permutation, step.random))
        yield f"    {step.features:>5}  {cells}"
    yield f"    than random orders   {_told(mode.over_random, signed=True)}: {_THAN_RANDOM[mode.verdict]}"
    rival = _THAN_RIVAL[mode.verdict_on_permutation]
    yield f"    than permutation's   {_told(mode.over_permutation, signed=True)}: {rival}"


def _mean(mean: Mean) -> str:
    return f"{mean.mean:.3f} ± {mean.sd:.3f}"


def _told(e: Estimate, *, signed: bool = False) -> str:
    form = "+.4g" if signed else ".4g"
    if e.mean is None:
        return "unknown"
    if e.low is None or e.high is None:
        return f"{e.mean:{form}}"
    return f"{e.mean:{form}} ({e.low:{form}} to {e.high:{form}})"

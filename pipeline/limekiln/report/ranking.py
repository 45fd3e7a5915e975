"""Which number ranks a run's features, and which features have one."""

from limekiln.record import Results, Score


def score_of(score: Score, results: Results) -> float:
    """The score that ranks this run's features."""
    return score.weighted if results.method.score == "weighted" else score.share


def used(scores: tuple[Score, ...]) -> tuple[Score, ...]:
    """The scores that rest on at least one explanation."""
    return tuple(s for s in scores if s.support)

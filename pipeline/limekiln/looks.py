"""Rounds of a run that goes on until its rankings are decided: what the first round takes, and what the next."""

from statistics import median
from typing import Final

from limekiln.evidence import Certificate
from limekiln.local.tables import POOL_PART
from limekiln.record import Results
from limekiln.settings import Settings

MOST: Final = 7
_MOSTLY: Final = 0.8


def first(settings: Settings, rows: int) -> Settings:
    """The settings of the first round: a pool of whole parts, which a larger pool begins with."""
    wanted = settings.sample.rows
    taken = rows if wanted == "all" else min(wanted, rows, settings.aggregate.max_rows)
    return _with(settings, taken, -(-settings.perturbations // POOL_PART) * POOL_PART)


def next_settings(settings: Settings, results: Results, look: int) -> Settings | None:
    """The settings of the next round, with twice of what the open pairs lack: rows, perturbations, or both.

    None where every ranking is decided, or there is nothing left to buy.
    """
    undecided = [c.certificate for c in results.classes if c.certificate and c.certificate.verdict != "decided"]
    if not undecided or look >= MOST:
        return None
    taken, pool = results.sample.rows, settings.perturbations
    most = results.data.rows if settings.sample.rows == "all" else min(results.data.rows, settings.aggregate.max_rows)
    larger = doubled(taken, pool, most, median(_pool_share(c) for c in undecided))
    return None if larger is None else _with(settings, *larger)


def doubled(rows: int, pool: int, most: int, share: float) -> tuple[int, int] | None:
    """Rows, `most` of them, and pool of the next round; None where neither would help.

    `share` is how much of what is open more perturbations would settle.
    """
    more = max(rows, min(2 * rows, most))
    if share >= _MOSTLY or more == rows:
        return (rows, 2 * pool) if share > 1 - _MOSTLY else None
    return more, pool if share <= 1 - _MOSTLY else 2 * pool


def _pool_share(certificate: Certificate) -> float:
    """How much of what is open more perturbations would settle; a class with too few rows lacks rows."""
    return median(p.pool_share for p in certificate.open) if certificate.open else 0.0


def _with(settings: Settings, rows: int, perturbations: int) -> Settings:
    return settings.model_copy(
        update={
            "sample": settings.sample.model_copy(update={"rows": rows}),
            "explain": settings.explain.model_copy(update={"perturbations": perturbations}),
        }
    )

"""Representative rows: what was picked, why, and how good any pick could be."""

from collections.abc import Sequence
from dataclasses import dataclass

from limekiln.record import ALL_CLASSES, LocalFeature, Pick, PickedRow, RunRecord
from limekiln.report.cover import certificate
from limekiln.report.figures import Bar, Steps, coverage_steps, diverging_bar
from limekiln.report.names import Name, Sentence, name, say
from limekiln.report.voice import Voice, class_name, voice
from limekiln.report.words import count, decimals, number, percent, plural, signed

_FEATURES = 5
_REST = 20
_BAR = 86
_KEYS = 3
_CARDS = 60
_CARDS_EACH = 3


@dataclass(frozen=True)
class LocalBar:
    """One feature of one row: its raw value, the interval it fell in, its weight as a bar."""

    feature: Name
    raw: Name
    value: Name | None
    weight: str
    bar: Bar


@dataclass(frozen=True)
class Card:
    """One picked row."""

    order: str
    row: Name
    facts: tuple[tuple[str, Name], ...]
    r2: str
    reliable: bool
    why: Sentence
    bars: tuple[LocalBar, ...]
    rest: tuple[LocalBar, ...]
    rest_label: str


@dataclass(frozen=True)
class CoverageRow:
    """One line of the coverage table."""

    order: str
    row: Name
    class_name: Name
    gain: str
    coverage: str
    bound: str


@dataclass(frozen=True)
class PickSection:
    """One pick: its certificate, the curve, the table, the cards."""

    anchor: str
    title: Name
    certificate: Sentence
    proof: str
    curve: Steps
    table: tuple[CoverageRow, ...]
    of_classes: bool
    cards: tuple[Card, ...]
    cards_more: str
    same: Sentence | None
    folded: bool
    summary: str


@dataclass(frozen=True)
class Picks:
    """Section 4 of the report."""

    intro: str
    rule: Name | None
    shown: str
    toward: str
    against: str
    sections: tuple[PickSection, ...]
    instead: str


def build(record: RunRecord) -> Picks:
    """The picks in reading order: over all classes first."""
    results, says = record.results, voice(record.results)
    picks = [p for p in results.picks if p.rows]
    picks.sort(key=lambda p: p.scope != ALL_CLASSES)
    if says.regression:
        picks = picks[:1]
    cards = sum(len(p.rows) for p in picks)
    return Picks(
        intro=(
            "A pick is a small set of rows that together show as much as possible of what the explanations rest on. "
            "Rows are chosen one after another, each for the importance that it adds to those before it."
        ),
        rule=name(picks[0].rule, 300) if picks else None,
        shown=f"Each row shows its {_FEATURES} heaviest features; explanations.parquet holds all.",
        toward="raises" if says.regression else "for the class",
        against="lowers" if says.regression else "against it",
        sections=_sections(picks, says, few=cards > _CARDS),
        instead="" if picks else "No row could be picked, because none was explained.",
    )


def _sections(picks: Sequence[Pick], says: Voice, *, few: bool) -> tuple[PickSection, ...]:
    seen: set[str] = set()
    sections = []
    for i, pick in enumerate(picks):
        rows = pick.rows[:_CARDS_EACH] if few and i else pick.rows
        new = [row for row in rows if row.row not in seen]
        known = tuple(name(row.row, 24) for row in rows if row.row in seen)
        seen |= {row.row for row in rows}
        sections.append(
            PickSection(
                anchor=f"pick-{i + 1}",
                title=_title(pick, says),
                certificate=certificate(pick),
                proof=_proof(pick),
                curve=_curve(pick),
                table=_table(pick),
                of_classes=pick.scope == ALL_CLASSES and not says.regression,
                cards=tuple(_card(row, says, brief=few) for row in new),
                cards_more=(
                    f"The other {count(len(pick.rows) - len(rows), 'row')} of this pick: explanations.parquet."
                    if len(rows) < len(pick.rows)
                    else ""
                ),
                same=_same(known),
                folded=i > 0,
                summary=(
                    f"{count(len(pick.rows), 'row')}, covering {percent(_share(pick.covered, pick.total))} "
                    "of the importance"
                ),
            )
        )
    return tuple(sections)


def _title(pick: Pick, says: Voice) -> Name:
    if pick.scope == ALL_CLASSES or says.regression:
        return Name("Over all rows")
    label = class_name(pick.scope)
    return Name(f"Rows predicted {label.short}", f"Rows predicted {label.full}" if label.full else "")


def _same(known: tuple[Name, ...]) -> Sentence | None:
    if not known:
        return None
    parts: list[str | Name] = [f"{plural(len(known), 'Row')} "]
    for i, row in enumerate(known):
        parts += ["" if i == 0 else " and " if i == len(known) - 1 else ", ", row]
    return say(*parts, f" {plural(len(known), 'is', 'are')} shown above.")


def _proof(pick: Pick) -> str:
    keys = count(pick.keys, "key")
    if pick.optimal:
        return f"The bound and the pick meet: the pick is proven best. It is measured over {keys}."
    return f"So it reaches at least {percent(pick.ratio)} of the best possible. It is measured over {keys}."


def _curve(pick: Pick) -> Steps:
    covered = [_share(row.coverage, pick.total) for row in pick.rows]
    bound = [_share(row.upper_bound, pick.total) for row in pick.rows]
    alt = (
        f"Coverage rises from {percent(covered[0])} with one row to {percent(covered[-1])} with "
        f"{count(len(covered), 'row')}; the bound for that many rows is {percent(bound[-1])}."
    )
    return coverage_steps("Coverage of the pick and its upper bound, by number of rows", alt, covered, bound)


def _table(pick: Pick) -> tuple[CoverageRow, ...]:
    return tuple(
        CoverageRow(
            order=f"{row.order}",
            row=name(row.row, 40),
            class_name=name(row.class_name, 40),
            gain=percent(_share(row.gain, pick.total)),
            coverage=percent(_share(row.coverage, pick.total)),
            bound=percent(_share(row.upper_bound, pick.total)),
        )
        for row in pick.rows
    )


def _card(row: PickedRow, says: Voice, *, brief: bool) -> Card:
    ranked = sorted(row.features, key=lambda f: -abs(f.weight))
    bars = local_bars(ranked, says)
    rest = () if brief else bars[_FEATURES : _FEATURES + _REST]
    return Card(
        order=f"{row.order}",
        row=name(row.row, 40),
        facts=_card_facts(row, says),
        r2=number(row.r2, 2),
        reliable=row.r2 is None or row.r2 >= 0.5,  # noqa: PLR2004  the line of `below_half`
        why=_why(row),
        bars=bars[:_FEATURES],
        rest=rest,
        rest_label=count(len(rest), "more feature"),
    )


def _card_facts(row: PickedRow, says: Voice) -> tuple[tuple[str, Name], ...]:
    target = () if row.target is None else (("true value" if says.regression else "true class", name(row.target, 40)),)
    if says.regression:
        return (
            ("predicted", Name(number(row.predicted))),
            *target,
            ("surrogate", Name(number(row.surrogate))),
        )
    label = name(row.class_name, 40)
    return (
        ("predicted", Name(f"{label.short} ({number(row.predicted, 2)})", label.full)),
        *target,
        ("surrogate", Name(number(row.surrogate, 2))),
    )


def local_bars(features: Sequence[LocalFeature], says: Voice) -> tuple[LocalBar, ...]:
    """Diverging bars on one scale, in the order given."""
    reach = max((abs(f.weight) for f in features), default=0.0)
    places = decimals(f.weight for f in features)
    bars = []
    for f in features:
        weight = signed(f.weight, places)
        word = says.toward if f.weight > 0 else says.against if f.weight < 0 else "none"
        bars.append(
            LocalBar(
                feature=name(f.feature),
                raw=name(f.raw),
                value=None if f.value == f.raw else name(f.value),
                weight=weight,
                bar=diverging_bar(f"{weight}, {word}", f.weight, reach=reach, width=_BAR),
            )
        )
    return tuple(bars)


def _why(row: PickedRow) -> Sentence:
    if not row.n_newly_covered:
        return say("Adds nothing new: what it could show was covered before.")
    shown = tuple(name(key, 90) for key in row.newly_covered[:_KEYS])
    left = row.n_newly_covered - len(shown)
    parts: list[str | Name] = [f"Picked because it adds {count(row.n_newly_covered, 'key')}"]
    for i, key in enumerate(shown):
        parts += [": " if i == 0 else " · ", key]
    if shown and left:
        parts.append(f" and {left:,} more")
    return say(*parts, ".")


def _share(part: float, total: float) -> float:
    return part / total if total > 0 else 0.0

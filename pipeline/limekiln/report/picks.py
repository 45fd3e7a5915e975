"""Representative rows: what was picked, why, and how good any pick could be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from limekiln.record import ALL_CLASSES, LocalFeature, Pick, PickedRow, RunRecord
from limekiln.report import contrast, images, lines, texts
from limekiln.report.contrast import Contrast, Sides
from limekiln.report.cover import certificate
from limekiln.report.figures import Bar, Steps, coverage_steps, diverging_bar
from limekiln.report.images import Image
from limekiln.report.lines import Chart
from limekiln.report.names import Name, Sentence, name, say
from limekiln.report.texts import Document
from limekiln.report.voice import Voice, class_key, class_name, voice, without_rows
from limekiln.report.words import count, decimals, number, percent, plural, signed

_FEATURES = 5
_REST = 20
_BAR = 86
_KEYS = 3
_CARDS = 60
_CARDS_EACH = 3
_PICTURES = 1_000_000  # bytes of pictures from which each class shows but a few
_SECTIONS = 50


@dataclass(frozen=True)
class LocalBar:
    """One feature of one row: of a table its raw value and the interval it fell in; its weight as a bar."""

    feature: Name
    raw: Name | None
    value: Name | None
    weight: str
    bar: Bar


@dataclass(frozen=True)
class Card:
    """One picked row, with its text, its picture or its chart where it is no row of a table."""

    order: str
    what: str
    row: Name
    facts: tuple[tuple[str, Name], ...]
    r2: str
    reliable: bool
    why: Sentence
    bars: tuple[LocalBar, ...]
    rest: tuple[LocalBar, ...]
    rest_label: str
    unit: Name
    document: Document | None = None
    image: Image | None = None
    chart: Chart | None = None
    border: str = ""
    contrast: Contrast | None = None


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
    key: str
    title: Name
    certificate: Sentence
    proof: str
    curve: Steps
    table: tuple[CoverageRow, ...]
    of_classes: bool
    whole: bool
    cards: tuple[Card, ...]
    cards_more: str
    contrasts: tuple[Contrast, ...]
    same: Sentence | None
    folded: bool
    summary: str


@dataclass(frozen=True)
class Picks:
    """The section on representative rows."""

    intro: str
    rule: Name | None
    shown: str
    toward: str
    against: str
    unit: str
    head: str
    texts: bool
    shades: str
    sections: tuple[PickSection, ...]
    more: str
    instead: str


def build(record: RunRecord) -> Picks:
    """The picks in reading order: over all classes first."""
    results, says = record.results, voice(record.results)
    picks = [p for p in results.picks if p.rows]
    picks.sort(key=lambda p: p.scope != ALL_CLASSES)
    if says.regression and not says.several:
        picks = picks[:1]
    pictures = images.picked(record)
    few = sum(len(p.rows) for p in picks) > _CARDS or sum(map(len, pictures.values())) > _PICTURES
    shown = picks[:_SECTIONS]
    sides = contrast.sides(results, says, paired=not few)
    rows, features = says.row.many, says.feature.many
    return Picks(
        intro=(
            f"A pick is a small set of {rows} that together show as much as possible of what the explanations rest on. "
            f"{rows.capitalize()} are chosen one after another, each for the importance that it adds to those before "
            "it."
        ),
        rule=name(picks[0].rule, 300) if picks else None,
        shown=f"Each {says.row.one} shows its {_FEATURES} heaviest {features}; explanations.parquet holds all.",
        toward="raises" if says.regression else "for the class",
        against="lowers" if says.regression else "against it",
        unit=(
            "Bars and weights: the value that a section names, in its unit"
            if says.several
            else f"Bars and weights: {says.axis(picks[0].rows[0].class_name).short}"
            if picks
            else ""
        ),
        head="Feature and value" if says.tabular else says.feature.title,
        texts=says.domain == "text",
        shades=shades(says),
        sections=_sections(shown, says, pictures, sides, few=few),
        more=_more(len(picks) - len(shown), without_rows(results)),
        instead="" if picks else f"No {says.row.one} could be picked, because none was explained.",
    )


def shades(says: Voice) -> str:
    """How pictures and series show weights, in a sentence; nothing for other data."""
    toward, against = ("raises the value", "lowers it") if says.regression else ("is for the class", "is against it")
    what = f"what {toward} is blue, what {against} orange and hatched"
    if says.domain == "images":
        tint = "the stronger the tint, the heavier the part"
        return f"Pictures: the image, and beside it its parts: {what}; {tint}. The three heaviest are outlined."
    if says.domain == "sequences":
        return f"Series: the background of {what}; the darker, the heavier the span."
    return ""


def _more(left: int, empty: int) -> str:
    told = []
    if left:
        told.append(f"The picks of {count(left, 'more class', 'more classes')}: picks.parquet.")
    if empty:
        told.append(f"{count(empty, 'class', 'classes')} have no rows, and so no pick.")
    return " ".join(told)


def _sections(
    picks: Sequence[Pick], says: Voice, pictures: Mapping[tuple[str, str], bytes], sides: Sides, *, few: bool
) -> tuple[PickSection, ...]:
    seen: set[tuple[str, str]] = set()
    sections = []
    for i, pick in enumerate(picks):
        rows = pick.rows[:_CARDS_EACH] if few and i else pick.rows
        new = [row for row in rows if (row.row, row.class_name) not in seen]
        known = tuple(name(row.row, 24) for row in rows if (row.row, row.class_name) in seen)
        seen |= {(row.row, row.class_name) for row in rows}
        sections.append(
            PickSection(
                anchor=f"pick-{i + 1}",
                key=class_key(pick.scope),
                title=_title(pick, says),
                certificate=certificate(pick, says),
                proof=_proof(pick, says),
                curve=_curve(pick, says),
                table=_table(pick),
                of_classes=pick.scope == ALL_CLASSES and not says.regression,
                whole=pick.scope == ALL_CLASSES or len(picks) == 1,
                cards=tuple(
                    _card(row, says, pictures.get((row.row, row.class_name), b""), sides, brief=few) for row in new
                ),
                cards_more=(
                    f"The other {says.row.count(len(pick.rows) - len(rows))} of this pick: explanations.parquet."
                    if len(rows) < len(pick.rows)
                    else ""
                ),
                contrasts=tuple(
                    sides.pairs[row.row, row.class_name]
                    for row in rows
                    if (row.row, row.class_name) in sides.pairs and (pick.scope != ALL_CLASSES or len(picks) == 1)
                ),
                same=_same(known, says),
                folded=i > 0,
                summary=(
                    f"{says.row.count(len(pick.rows))}, covering {percent(_share(pick.covered, pick.total))} "
                    "of the importance"
                ),
            )
        )
    return tuple(sections)


def _title(pick: Pick, says: Voice) -> Name:
    if pick.scope == ALL_CLASSES or (says.regression and not says.several):
        return Name(f"Over all {says.row.many}")
    label = class_name(pick.scope)
    what = "For" if says.several else f"{says.row.many.capitalize()} predicted"
    return Name(f"{what} {label.short}", f"{what} {label.full}" if label.full else "")


def _same(known: tuple[Name, ...], says: Voice) -> Sentence | None:
    if not known:
        return None
    parts: list[str | Name] = [f"{says.row.of(len(known)).capitalize()} "]
    for i, row in enumerate(known):
        parts += ["" if i == 0 else " and " if i == len(known) - 1 else ", ", row]
    return say(*parts, f" {plural(len(known), 'is', 'are')} shown above.")


def _proof(pick: Pick, says: Voice) -> str:
    keys = _keys(pick.keys, says)
    if pick.optimal:
        return f"The bound and the pick meet: the pick is proven best. It is measured over {keys}."
    return f"So it reaches at least {percent(pick.ratio)} of the best possible. It is measured over {keys}."


def _curve(pick: Pick, says: Voice) -> Steps:
    covered = [_share(row.coverage, pick.total) for row in pick.rows]
    bound = [_share(row.upper_bound, pick.total) for row in pick.rows]
    alt = (
        f"Coverage rises from {percent(covered[0])} with one {says.row.one} to {percent(covered[-1])} with "
        f"{says.row.count(len(covered))}; the bound for that many {says.row.many} is {percent(bound[-1])}."
    )
    title = f"Coverage of the pick and its upper bound, by number of {says.row.many}"
    return coverage_steps(title, alt, covered, bound, axis=f"{says.row.many} picked")


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


def _card(row: PickedRow, says: Voice, png: bytes, sides: Sides, *, brief: bool) -> Card:
    ranked = sorted(row.features, key=lambda f: -abs(f.weight))
    bars = local_bars(ranked, says)
    rest = () if brief else bars[_FEATURES : _FEATURES + _REST]
    alt = images.described(row.row, row.class_name, row.predicted, row.features, says)
    return Card(
        order=f"{row.order}",
        what=says.row.title,
        row=name(row.row, 40),
        facts=_card_facts(row, says),
        r2=number(row.r2, 2),
        reliable=row.r2 is None or row.r2 >= 0.5,  # noqa: PLR2004  the line of `below_half`
        why=_why(row, says),
        bars=bars[:_FEATURES],
        rest=rest,
        rest_label=f"{len(rest):,} more {says.feature.of(len(rest))}",
        unit=says.axis(row.class_name),
        document=texts.document(row.marks, says),
        image=images.image(png, alt),
        chart=lines.chart(row.series, alt),
        border=sides.borders[row.row, row.class_name],
        contrast=sides.pairs.get((row.row, row.class_name)),
    )


def _card_facts(row: PickedRow, says: Voice) -> tuple[tuple[str, Name], ...]:
    target = () if row.target is None else (("true value" if says.regression else "true class", name(row.target, 40)),)
    if says.regression:
        return (
            ("predicted", name(says.given(row.predicted), 60)),
            *target,
            ("surrogate", name(says.given(row.surrogate), 60)),
        )
    return (
        ("predicted", name(row.class_name, 40)),
        (says.output, Name(number(row.predicted, 2))),
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
        bars.append(
            LocalBar(
                feature=name(f.feature),
                raw=name(f.raw) if says.tabular else None,
                value=None if f.value == f.raw else name(f.value),
                weight=weight,
                bar=diverging_bar(f"{weight}, {says.way(f.weight)}", f.weight, reach=reach, width=_BAR),
            )
        )
    return tuple(bars)


def _why(row: PickedRow, says: Voice) -> Sentence:
    if not row.n_newly_covered:
        return say("Adds nothing new: what it could show was covered before.")
    shown = tuple(name(key, 90) for key in row.newly_covered[:_KEYS])
    left = row.n_newly_covered - len(shown)
    parts: list[str | Name] = [f"Picked because it adds {_keys(row.n_newly_covered, says)}"]
    for i, key in enumerate(shown):
        parts += [": " if i == 0 else " · ", key]
    if shown and left:
        parts.append(f" and {left:,} more")
    return say(*parts, ".")


def _keys(n: int, says: Voice) -> str:
    return count(n, "key") if says.tabular else says.feature.count(n)


def _share(part: float, total: float) -> float:
    return part / total if total > 0 else 0.0

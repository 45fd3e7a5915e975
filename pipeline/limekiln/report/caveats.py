"""What a run cannot show, in general and in particular; what the words mean."""

from typing import Final

from limekiln.record import ALL_CLASSES, Results
from limekiln.report import sections
from limekiln.report.names import Sentence, name, say
from limekiln.report.voice import Voice
from limekiln.report.words import count, listing, percent, plural

_LOW_MANY: Final = 0.1
_FEW_CLASSES: Final = 5
_NOTICES: Final = 20
_OWN_ROWS: Final = (
    "The pool holds the data's own rows, so no weight rests on rows that could not occur; but features that go "
    "together cannot be told apart by them, and share their weight."
)
_PERTURBED: Final = {
    "tabular": (
        "Perturbed rows mix values column by column. Some of them could not occur, and the model was not trained on "
        "such rows; features that go together share or trade their weight."
    ),
    "text": (
        "Texts with words hidden are not texts that anyone wrote, and the model was not trained on them. A weight is "
        "of a word as a whole: what order, negation and phrases do is shared between words or missed."
    ),
    "images": (
        "Images with parts hidden are not images that anyone took, and the model was not trained on them. What hidden "
        "parts show is a choice, and another choice can give other weights."
    ),
    "sequences": (
        "Series with spans hidden are not series that anyone measured, and the model was not trained on them. What "
        "hidden spans show is a choice, and another choice can give other weights."
    ),
}
_GROUPED: Final = (
    "Concepts are groups of image parts that look alike to a computer. They need not match a person's ideas, and a "
    "part can stand in a group that it fits badly: judge them by their patches."
)


def limitations(results: Results, says: Voice) -> tuple[str, ...]:
    """What such a report cannot show, by the kind of data."""
    decision = "a prediction" if says.regression else "a decision"
    bends = "the model bends within an interval or features interact" if says.tabular else "its parts act together"
    return (
        (
            "These are findings about the model, not about the world. They do not say that a feature causes an "
            "outcome, nor what would happen if it were changed."
        ),
        (
            f"They are not reasons for {decision} about a person and must not be given to anyone as such, for example "
            "as adverse-action reasons."
        ),
        (
            f"A local explanation is a linear model fitted around one {says.row.one}. Where {bends}, it misses that; "
            f"the fidelity in section {sections.number(results, 'reliability')} says how much."
        ),
        (_OWN_ROWS if results.method.pool == "data" else _PERTURBED[says.domain]),
        *((_GROUPED,) if says.feature.one == "concept" else ()),
        (
            f"An importance is an average over {says.row.many}. A {says.feature.one} that matters much for few "
            f"{says.row.many} can stand below one that matters a little for many."
        ),
        (
            "The report supports a review of the model. It does not replace tests of its accuracy, its fairness, or "
            "its data."
        ),
    )


def of_this_run(results: Results, says: Voice) -> tuple[Sentence, ...]:
    """What limits this run: low fidelity, failures, a sample, small classes, open orders, gates, and its notices."""
    lines = []
    counts, fidelity, sample = results.counts, results.fidelity, results.sample
    if fidelity.below_half is not None and fidelity.below_half >= _LOW_MANY:
        lines.append(
            say(
                f"{percent(fidelity.below_half)} of {says.row.many} have a fidelity below 0.5. The importances average "
                "them in: treat close ranks as ties."
            )
        )
    if counts.failed:
        lines.append(
            say(
                f"{says.row.count(counts.failed)} of {counts.requested:,} could not be explained. If they differ from "
                "the others, the importances do not speak for them."
            )
        )
    if counts.pool_failed:
        failed = f"{counts.pool_failed:,} perturbed {says.row.of(counts.pool_failed)}"
        lines.append(say(f"The model failed on {failed}; they were left out."))
    if sample.rows < sample.of:
        part = percent(sample.rows / sample.of)
        lines.append(say(f"{sample.rows:,} of {says.row.count(sample.of)} were explained ({part}); others would give "
                         "somewhat other numbers."))  # fmt: skip
    lines += _small_classes(results, says)
    lines += _open_orders(results, says)
    lines += _gates(results)
    if results.accuracy is None and results.data.target is None:
        lines.append(say("The data name no true labels, so whether the model is right was not measured."))
    lines += [say(name(n.text, 400)) for n in results.notices[:_NOTICES]]
    if len(results.notices) > _NOTICES:
        lines.append(say(f"{len(results.notices) - _NOTICES:,} more stand in results.json."))
    return tuple(lines)


def _open_orders(results: Results, says: Voice) -> list[Sentence]:
    certified = [c.certificate for c in results.classes if c.certificate is not None]
    undecided = sum(c.verdict != "decided" for c in certified)
    if not undecided:
        return []
    which = f"in {undecided:,} of {count(len(certified), 'ranking')}"
    many = says.feature.many
    return [say(f"The order of the first {many} is not decided {which}: ranks with an interval may be otherwise.")]


def _gates(results: Results) -> list[Sentence]:
    failed, undecided = (sum(g.verdict == v for g in results.gates) for v in ("fail", "undecided"))
    told = [f"{failed:,} failed"] if failed else []
    told += [f"{undecided:,} {plural(undecided, 'is', 'are')} undecided"] if undecided else []
    if not told:
        return []
    asked, section = count(len(results.gates), "gate"), sections.number(results, "reliability")
    return [say(f"Of {asked} that the config asks for, {listing(told)}; see section {section}.")]


def _small_classes(results: Results, says: Voice) -> list[Sentence]:
    if says.regression:
        return []
    few = [c for c in results.classes if c.name != ALL_CLASSES and 0 < c.rows < results.method.min_support]
    if len(few) > _FEW_CLASSES:
        least = f"fewer than {says.row.count(results.method.min_support)}"
        return [say(f"{len(few):,} classes are predicted for {least}: their importances rest on too little.")]
    return [
        say(
            f"Only {c.rows:,} explained {says.row.of(c.rows)} {plural(c.rows, 'is', 'are')} predicted ",
            name(c.name),
            ": its importances rest on too little.",
        )
        for c in few
    ]


def glossary(results: Results, says: Voice) -> tuple[tuple[str, str], ...]:
    """The report's terms and what they mean."""
    row, rows, one, many = says.row.one, says.row.many, says.feature.one, says.feature.many
    own = "the row's own value" if says.tabular else f"showing the {one}"
    direction = (
        f"raises: {own} goes with a higher output of the local model; lowers: with a lower one."
        if says.regression
        else f"for: {own} goes with a higher output for the class in the local model; against: with a "
        f"lower one. A {one} counts as mostly one of them from three quarters of its share on."
    )
    first = sections.number(results, "importances")
    key = f"What {says.row.a} can show: a feature with one of its values, or a feature."
    some = (
        (says.tabular, "Key", key),
        (says.tabular, "Noise floor",
         "What columns that do nothing score by chance; a feature below it is grey, marked ‡."),
        (bool(results.gates), "Gate",
         "A rule of the config that a run must hold to; passed, failed, or undecided where an interval holds both."),
        (bool(results.proxies), "Proxy", "A feature that goes with a named column, so that it can stand for it."),
    )  # fmt: skip
    everywhere = (
        ("Bound", "A number that no pick of the same size can exceed, whatever rows it takes."),
        ("Coverage", f"The summed importance of everything that the picked {rows} show, out of all there is to show."),
        ("Decided", f"Said of an order in which every two {many} are surely apart, or differ too little to matter."),
        ("Direction", direction),
        ("Explanation", f"The weights of one {row}'s local model, for one class or for the value predicted."),
        ("Fidelity, R²", f"How closely a local model follows the model near its {row}; 1 is perfect, 0 a constant."),
        ("Interval", f"Under a score: where it could lie, had other {rows} been taken or drawn; so under a rank."),
        ("Local model, surrogate", f"A linear model fitted to the model's output around one {row}."),
        ("Manifest", "The file manifest.json: hashes of model, data, config and all files, and every version."),
        ("NormLIME", "An average of local weights, normalised within each explanation, for each class."),
        ("Score", f"What ranks the {many}: the weighted score (mean of w²/‖w‖₁) or the share; see section {first}."),
        ("Share", f"The mean part of an explanation's weights, signs set aside, that a {one} takes where it is used."),
        ("Sign consistency", "100%: all of the weight points the same way; 0%: both ways alike."),
        ("SP-LIME", f"A choice of few {rows} that together show as many important {many} as possible."),
        ("Stability, VSI", f"How far repeats of an explanation share their heaviest {many}; 1 is perfect."),
        ("Support", f"How many explanations use the {one}{' or value' if says.tabular else ''}."),
    )  # fmt: skip
    told = (*everywhere, *((term, meaning) for there, term, meaning in some if there))
    return tuple(sorted(told, key=lambda pair: pair[0].casefold()))

"""What was done, in the reader's words and as parameters; what it cannot show; what the words mean."""

from dataclasses import dataclass

from limekiln.record import ALL_CLASSES, DataFacts, MethodFacts, Results, RunRecord
from limekiln.report.names import Name, Sentence, name, say
from limekiln.report.voice import output_words, voice
from limekiln.report.words import NONE, count, number, percent, plural

_STRATA = 25
_COLUMNS = 60
_LOW_MANY = 0.1


@dataclass(frozen=True)
class Method:
    """Sections 6, 7 and 10 of the report."""

    steps: tuple[tuple[str, Sentence], ...]
    parameters: tuple[tuple[str, Name], ...]
    strata: tuple[tuple[Name, str, str], ...]
    strata_more: str
    columns: tuple[tuple[Name, str, str, str, str], ...]
    columns_more: str
    columns_intro: str
    limitations: tuple[Sentence, ...]
    of_this_run: tuple[Sentence, ...]
    glossary: tuple[tuple[str, str], ...]


def build(record: RunRecord) -> Method:
    """Method, limitations and glossary of a run."""
    results = record.results
    strata, columns = results.sample.strata, results.data.features
    return Method(
        steps=_steps(results),
        parameters=_parameters(results),
        strata=tuple((name(s.name, 60), f"{s.rows:,}", f"{s.taken:,}") for s in strata[:_STRATA]),
        strata_more=f"and {count(len(strata) - _STRATA, 'more stratum', 'more strata')}"
        if len(strata) > _STRATA
        else "",
        columns=tuple(
            (
                name(c.name),
                "numbers" if c.kind == "continuous" else "categories",
                f"{c.values:,}",
                f"{c.missing:,}",
                "constant" if c.constant else "",
            )
            for c in columns[:_COLUMNS]
        ),
        columns_more=f"and {count(len(columns) - _COLUMNS, 'more column')}" if len(columns) > _COLUMNS else "",
        columns_intro=_columns_intro(results.data),
        limitations=tuple(say(text) for text in _limitations(results)),
        of_this_run=_of_this_run(results),
        glossary=_glossary(results),
    )


def _columns_intro(data: DataFacts) -> str:
    numeric = sum(c.kind == "continuous" for c in data.features)
    missing = sum(c.missing > 0 for c in data.features)
    constant = sum(c.constant for c in data.features)
    text = (
        f"The model gets {count(len(data.features), 'column')}: {numeric:,} with numbers, "
        f"{len(data.features) - numeric:,} with categories."
    )
    if missing:
        text += f" {missing:,} {plural(missing, 'has', 'have')} missing values, which count as a value of their own."
    if constant:
        verb, whose = plural(constant, "is", "are"), plural(constant, "its", "their")
        text += f" {constant:,} {verb} constant, so {whose} weight is 0."
    return text


def _steps(results: Results) -> tuple[tuple[str, Sentence], ...]:
    sample, method = results.sample, results.method
    if sample.rows == sample.of:
        drawn = f"All {count(sample.of, 'row')} of the data were taken."
    else:
        drawn = f"{sample.rows:,} of {count(sample.of, 'row')} were drawn"
        drawn += "." if sample.stratify == "none" else f", so that each stratum ({sample.stratify}) keeps its share."
    return (
        ("Model.", say(name(results.model.description, 300), f" (read as {results.model.kind}).")),
        ("Rows.", say(drawn, f" Seed {sample.seed}.")),
        ("Perturbed rows.", say(_perturbed(method))),
        ("Local models.", say(_local(method))),
        (
            "Importances.",
            say(
                "NormLIME averages the local weights of the rows predicted as a class, over the explanations that use "
                "a feature, so that one which few rows use, but which weighs much there, is not diluted. "
                + (
                    "A weight counts by its square over the sum of all weights of its row (weighted score)."
                    if method.score == "weighted"
                    else "A weight counts by its share of all weights of its row (share)."
                )
                + f" Features used by fewer than {count(method.min_support, 'explanation')} rank last."
            ),
        ),
        (
            "Representatives.",
            say(
                f"SP-LIME picks up to {count(method.budget, 'row')} greedily. The bound printed with a pick comes from "
                "the dual values of a linear program; they are stored, so that anyone can check it without a solver."
            ),
        ),
    )


def _perturbed(method: MethodFacts) -> str:
    rows = count(method.perturbations, "perturbed row")
    if method.pool == "none":
        return f"For each explained row, {rows} were drawn from the columns' own values, one column at a time."
    return (
        f"One pool of {rows} was drawn from the columns' own values, one column at a time, and sent through the model "
        "once. Every explanation uses this pool, each with its own weights."
    )


def _local(method: MethodFacts) -> str:
    kept = "all features" if method.features is None else count(method.features, "feature")
    scale = (
        "Numbers were kept as numbers"
        if method.discretizer == "none"
        else f"Numbers were cut into intervals ({method.discretizer})"
    )
    return (
        f"{scale}. For each row, a linear model was fitted to the model's output on the perturbed rows; those more "
        f"like the row weigh more (kernel width {number(method.kernel_width)}). It keeps {kept} (selection: "
        f"{method.selection}). A weight says how much the row's own value of a feature, against other values, goes "
        "with a higher output of the linear model."
    )


def _parameters(results: Results) -> tuple[tuple[str, Name], ...]:
    model, method, sample = results.model, results.method, results.sample
    return (
        ("model kind", name(model.kind)),
        ("task", Name(model.task)),
        ("output explained", Name(output_words(model))),
        ("target column", name(results.data.target) if results.data.target else Name(NONE)),
        ("row id column", name(results.data.id) if results.data.id else Name("position")),
        ("rows", Name(f"{sample.rows:,} of {sample.of:,}")),
        ("stratified by", name(sample.stratify)),
        ("seed", Name(str(sample.seed))),
        ("method", Name(method.method)),
        ("pool", Name(method.pool)),
        ("perturbations", Name(f"{method.perturbations:,}")),
        ("discretizer", Name(method.discretizer)),
        ("kernel width", Name(f"{method.kernel_width:.6g}")),
        ("feature selection", Name(method.selection)),
        ("features kept", Name("all" if method.features is None else str(method.features))),
        ("ridge penalty", Name(f"{method.ridge:g}")),
        ("score", Name(method.score)),
        ("least support", Name(f"{method.min_support:,}")),
        ("features shown", Name(f"{method.top:,}")),
        ("pick budget", Name(f"{method.budget:,}")),
    )


def _limitations(results: Results) -> tuple[str, ...]:
    decision = "a prediction" if voice(results).regression else "a decision"
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
            "A local explanation is a linear model fitted around one row. Where the model bends within an interval or "
            "features interact, it misses that; the fidelity in section 5 says how much."
        ),
        (
            "Perturbed rows mix values column by column. Some of them could not occur, and the model was not trained "
            "on such rows; features that go together share or trade their weight."
        ),
        (
            "An importance is an average over rows. A feature that matters much for few rows can stand below one that "
            "matters a little for many."
        ),
        (
            "The report supports a review of the model. It does not replace tests of its accuracy, its fairness, or "
            "its data."
        ),
    )


def _of_this_run(results: Results) -> tuple[Sentence, ...]:
    lines = []
    counts, fidelity, sample = results.counts, results.fidelity, results.sample
    if fidelity.below_half is not None and fidelity.below_half >= _LOW_MANY:
        lines.append(
            say(
                f"{percent(fidelity.below_half)} of rows have a fidelity below 0.5. The importances average them in: "
                "treat close ranks as ties."
            )
        )
    if counts.failed:
        lines.append(
            say(
                f"{count(counts.failed, 'row')} of {counts.requested:,} could not be explained. If they differ from "
                "the others, the importances do not speak for them."
            )
        )
    if counts.pool_failed:
        lines.append(say(f"The model failed on {count(counts.pool_failed, 'perturbed row')}; they were left out."))
    if sample.rows < sample.of:
        part = percent(sample.rows / sample.of)
        lines.append(say(f"{sample.rows:,} of {count(sample.of, 'row')} were explained ({part}); other rows would give "
                         "somewhat other numbers."))  # fmt: skip
    for c in results.classes:
        if c.name != ALL_CLASSES and 0 < c.rows < results.method.min_support:
            rows = f"Only {count(c.rows, 'explained row')} {plural(c.rows, 'is', 'are')}"
            lines.append(say(f"{rows} predicted ", name(c.name), ": its importances rest on too little."))
    lines += [say(name(n.text, 400)) for n in results.notices]
    return tuple(lines)


def _glossary(results: Results) -> tuple[tuple[str, str], ...]:
    says = voice(results)
    direction = (
        "raises: the row's own value goes with a higher output of the local model; lowers: with a lower one."
        if says.regression
        else "for: the row's own value goes with a higher output for the class in the local model; against: with a "
        "lower one. A feature counts as mostly one of them from three quarters of its share on."
    )
    return (
        ("Bound", "A number that no pick of the same size can exceed, whatever rows it takes."),
        ("Coverage", "The summed importance of everything that the picked rows show, out of all there is to show."),
        ("Direction", direction),
        ("Explanation", "The weights of one row's local model, for one class or for the value predicted."),
        ("Fidelity, R²", "How closely a local model follows the model near its row; 1 is perfect, 0 a mere constant."),
        ("Key", "What a row can show: a feature with one of its values, or a feature."),
        ("Local model, surrogate", "A linear model fitted to the model's output around one row."),
        ("NormLIME", "An average of local weights, normalised within each explanation, for each class."),
        ("Score", "What ranks the features: the weighted score (mean of w²/‖w‖₁) or the share, as section 2 says."),
        ("Share", "The mean part of an explanation's weights, signs set aside, that a feature takes where it is used."),
        ("Sign consistency", "100%: all of the weight points the same way; 0%: both ways alike."),
        ("SP-LIME", "A choice of few rows that together show as many important features as possible."),
        ("Support", "How many explanations use the feature or value."),
    )  # fmt: skip

"""What was done, in the reader's words and as parameters; what it cannot show; what the words mean."""

from dataclasses import dataclass

from limekiln.record import DataFacts, MethodFacts, Results, RunRecord
from limekiln.report import caveats, certainty, floor, identity
from limekiln.report.names import Name, Sentence, name, say
from limekiln.report.voice import Voice, voice
from limekiln.report.words import NONE, count, number, percent, plural

_STRATA = 25
_COLUMNS = 60
_TOLD = {
    "mask": "masked: its values are told by number, or not at all",
    "bin": "as the interval that a value falls into",
    "hash": "as keyed hashes (HMAC-SHA256)",
    "drop": "dropped: this is not its name",
}


@dataclass(frozen=True)
class Method:
    """The sections on the method, the limitations and the words."""

    steps: tuple[tuple[str, Sentence], ...]
    parameters: tuple[tuple[str, Name], ...]
    strata: tuple[tuple[Name, str, str], ...]
    strata_more: str
    columns: tuple[tuple[Name, str, str, str, str], ...]
    columns_more: str
    columns_intro: str
    redacted: tuple[tuple[Name, str, str], ...]
    limitations: tuple[Sentence, ...]
    stated: tuple[Name, ...]
    of_this_run: tuple[Sentence, ...]
    glossary: tuple[tuple[str, str], ...]


def build(record: RunRecord) -> Method:
    """Method, limitations and glossary of a run."""
    results, says = record.results, voice(record.results)
    strata, columns = results.sample.strata, results.data.features
    return Method(
        steps=_steps(results, says),
        parameters=_parameters(results, says),
        strata=tuple((name(s.name, 60), f"{s.rows:,}", f"{s.taken:,}") for s in strata[:_STRATA]),
        strata_more=f"and {count(len(strata) - _STRATA, 'more stratum', 'more strata')}"
        if len(strata) > _STRATA
        else "",
        columns=tuple(
            (
                name(c.name),
                {"continuous": "numbers", "categorical": "categories", "group": "several columns"}[c.kind],
                f"{c.values:,}",
                f"{c.missing:,}",
                "constant" if c.constant else "",
            )
            for c in columns[:_COLUMNS]
        ),
        columns_more=f"and {count(len(columns) - _COLUMNS, 'more column')}" if len(columns) > _COLUMNS else "",
        columns_intro=_columns_intro(results.data),
        redacted=tuple(
            (name(c.column), _TOLD[c.how], "by default" if c.by_default else "by the config")
            for c in results.data.redacted[:_COLUMNS]
        ),
        limitations=tuple(say(text) for text in caveats.limitations(results, says)),
        stated=identity.items_of(record.manifest.report.known_limitations),
        of_this_run=caveats.of_this_run(results, says),
        glossary=caveats.glossary(results, says),
    )


def _columns_intro(data: DataFacts) -> str:
    numeric = sum(c.kind == "continuous" for c in data.features)
    groups = sum(c.kind == "group" for c in data.features)
    missing = sum(c.missing > 0 for c in data.features)
    constant = sum(c.constant for c in data.features)
    text = (
        f"The model gets {count(len(data.features), 'column')}: {numeric:,} with numbers, "
        f"{len(data.features) - numeric:,} with categories."
        if not groups
        else f"The features are {numeric:,} columns with numbers, {len(data.features) - numeric - groups:,} with "
        f"categories, and {count(groups, 'group')} of several columns that were perturbed together."
    )
    if missing:
        text += f" {missing:,} {plural(missing, 'has', 'have')} missing values, which count as a value of their own."
    if constant:
        verb, whose = plural(constant, "is", "are"), plural(constant, "its", "their")
        text += f" {constant:,} {verb} constant, so {whose} weight is 0."
    return text


def _steps(results: Results, says: Voice) -> tuple[tuple[str, Sentence], ...]:
    sample, method = results.sample, results.method
    rows, one = says.row.many, says.feature.one
    if sample.rows == sample.of:
        drawn = f"All {says.row.count(sample.of)} of the data were taken."
    else:
        drawn = f"{sample.rows:,} of {says.row.count(sample.of)} were drawn"
        drawn += "." if sample.stratify == "none" else f", so that each stratum ({sample.stratify}) keeps its share."
    whose = f"all {rows}" if says.regression else f"the {rows} predicted as a class"
    each = f" Every {says.row.one} is explained for each of the values, which are never mixed." if says.several else ""
    return (
        ("Model.", say(name(results.model.description, 300), f" (read as {results.model.kind}).", _output(says))),
        (f"{rows.capitalize()}.", say(drawn, f" Seed {sample.seed}.")),
        *(() if says.tabular else ((f"{says.feature.many.capitalize()}.", say(name(results.data.parts, 600))),)),
        (f"Perturbed {rows}.", say(*(_perturbed(method) if says.tabular else _hidden(method, says)))),
        ("Local models.", say(_local(method) if says.tabular else _local_parts(method, says))),
        (
            "Importances.",
            say(
                f"NormLIME averages the local weights of {whose}, over the explanations that use "
                f"a {one}, so that one which few {rows} use, but which weighs much there, is not diluted. "
                + (
                    f"A weight counts by its square over the sum of all weights of its {says.row.one} (weighted score)."
                    if method.score == "weighted"
                    else f"A weight counts by its share of all weights of its {says.row.one} (share)."
                )
                + f" {says.feature.many.capitalize()} used by fewer than {count(method.min_support, 'explanation')} "
                f"rank last.{each}"
            ),
        ),
        ("Certainty.", say(certainty.method(results, says))),
        *((("Noise.", say(noise)),) if (noise := floor.method(results)) else ()),
        (
            "Representatives.",
            say(
                f"SP-LIME picks up to {says.row.count(method.budget)} greedily. The bound printed with a pick comes "
                "from the dual values of a linear program; they are stored, so that anyone can check it without a "
                "solver."
            ),
        ),
    )


def _output(says: Voice) -> str:
    """What the model gives, where that is no probability: a logit, or values with a unit."""
    if says.output.startswith("logit"):
        return " It gives a logit (log-odds) for each class: weights add up on that scale, not as probabilities."
    return f" Its values are in {says.unit}." if says.unit else ""


def _perturbed(method: MethodFacts) -> tuple[str | Name, ...]:
    if method.method == "kernelshap":
        drawn = f"For each row, up to {method.perturbations:,} sets of features keep the row's own values"
        return (f"{drawn}; the others take those of each of {method.background:,} rows of the background in turn.",)
    rows = count(method.perturbations, "perturbed row")
    if method.pool == "none":
        return (f"For each explained row, {rows} were drawn from the columns' own values, one column at a time.",)
    if method.pool == "data":
        own = (
            f"The pool is made of {count(method.perturbations, 'row')} of the background as they are, each sent "
            "through the model once: none that a model could tell from real ones. Columns keep their dependence, so "
            "those that go together share their weight."
        )
        return (own,)
    text = (
        f"One pool of {rows} was drawn from the columns' own values, one column at a time, and sent through the model "
        "once. Every explanation uses this pool, each with its own weights."
    )
    return (text,)


def _hidden(method: MethodFacts, says: Voice) -> tuple[str | Name, ...]:
    """How texts, images and series are perturbed: what hiding means, how masks are drawn, why nothing is shared."""
    row, part = says.row.one, _part(says)
    shown: tuple[str | Name, ...] = (
        (f"A hidden {part} is shown as: ", name(method.hidden), ". ") if method.hidden else ()
    )
    return (
        (
            f"For each explained {row}, up to {method.perturbations:,} copies were made with some of its {part}s "
            "hidden, no two of them alike. "
        ),
        *shown,
        (
            f"Which {part}s are hidden was {_drawn(method, part)}. The copies contain the {row} itself, so they are "
            f"fresh for each {row} and shared with no other."
        ),
    )


def _drawn(method: MethodFacts, part: str) -> str:
    if method.method == "kernelshap":
        return (
            f"drawn for Shapley's kernel, in pairs that hide each other's {part}s; where the budget allows it, all "
            "ways to hide a number of them were taken"
        )
    if method.masks == "lime":
        return "drawn independently, as lime draws it"
    if method.masks == "kernel":
        return (
            "drawn by a law between lime's and the kernel's own, balanced over the number of hidden parts, for a "
            "smaller error at the same number of model calls; weights correct for how it was drawn"
        )
    return f"drawn by {method.masks}"


def _part(says: Voice) -> str:
    """What is hidden: a word or a span, which are features; of an image a part, which is one of a concept."""
    return "part" if says.feature.one == "concept" else says.feature.one


def _local(method: MethodFacts) -> str:
    if method.method == "kernelshap":
        return (
            "For each row, KernelSHAP shares out the difference between the model's output and its mean over the "
            "background rows among the features: Shapley values, by a linear model fitted with the Shapley kernel "
            "(Lundberg & Lee 2017), whose weights add up to that difference exactly. R² says how far the model is a "
            "sum of its features around the row."
        )
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


def _local_parts(method: MethodFacts, says: Voice) -> str:
    row, part = says.row.one, _part(says)
    if method.method == "kernelshap":
        return (
            f"For each {row}, KernelSHAP shares out the difference between the model's output and its output with "
            f"every {part} hidden among the {part}s: Shapley values, by a linear model fitted with the Shapley kernel "
            "(Lundberg & Lee 2017), whose weights add up to that difference exactly. R² says how far the model is a "
            f"sum of its {part}s.{_same_parts(says)}"
        )
    kept = f"all {part}s" if method.features is None else f"{method.features:,} {plural(method.features, part)}"
    text = (
        f"For each {row}, a linear model of which {part}s are shown was fitted to the model's output on its copies; "
        "those that show more of it weigh more (an exponential kernel of the cosine distance, width "
        f"{number(method.kernel_width)}). It keeps {kept} (selection: {method.selection}). A weight says how much "
        f"showing the {part}, against hiding it, goes with a higher output of the linear model."
    )
    return f"{text}{_same_parts(says)}"


def _same_parts(says: Voice) -> str:
    if says.domain != "text" and says.feature.one != "concept":
        return ""
    return f" Where several parts of {says.row.a} are the same {says.feature.one}, their weights add up."


def _parameters(results: Results, says: Voice) -> tuple[tuple[str, Name], ...]:
    model, method, sample = results.model, results.method, results.sample
    hiding = (
        (("discretizer", Name(method.discretizer)),)
        if method.discretizer is not None
        else (
            ("masks", Name(method.masks or NONE)),
            (f"hidden {_part(says)}s", name(method.hidden or NONE)),
        )
    )
    return (
        ("model kind", name(model.kind)),
        ("task", Name(model.task)),
        ("output explained", Name(says.output)),
        *((("unit", name(says.unit)),) if says.unit else ()),
        ("target column", name(results.data.target) if results.data.target else Name(NONE)),
        ("row id column", name(results.data.id) if results.data.id else Name("position")),
        (says.row.many, Name(f"{sample.rows:,} of {sample.of:,}")),
        ("stratified by", name(sample.stratify)),
        ("seed", Name(str(sample.seed))),
        ("method", Name(method.method)),
        ("pool", Name(method.pool)),
        ("perturbations", Name(f"{method.perturbations:,}")),
        *hiding,
        ("kernel width", Name(NONE if method.method == "kernelshap" else f"{method.kernel_width:.6g}")),
        ("feature selection", Name(method.selection)),
        (f"{says.feature.many} kept", Name("all" if method.features is None else str(method.features))),
        ("ridge penalty", Name(f"{method.ridge:g}")),
        ("score", Name(method.score)),
        ("least support", Name(f"{method.min_support:,}")),
        (f"{says.feature.many} shown", Name(f"{method.top:,}")),
        ("pick budget", Name(f"{method.budget:,}")),
        ("confidence", Name(percent(method.confidence))),
        ("indifference", Name(percent(method.indifference))),
    )

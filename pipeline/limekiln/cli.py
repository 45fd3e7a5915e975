"""The command line: arguments, progress, messages, exit codes. The only module that prints."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limekiln.errors import LimekilnError

if TYPE_CHECKING:
    from limekiln.values import Listener

INTERRUPTED = 130
_BY_GATES = {"pass": 0, "fail": 3, "undecided": 4}
_CLASSES_TOLD = 10
_PARTS_TOLD = 12
_MOSTLY = 0.8
_FEW = 10.0

app = typer.Typer(
    help="Global, class-specific explanation reports from local explanations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Config = Annotated[Path, typer.Argument(help="The run's config.yaml.", show_default=False)]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Replaces a value, e.g. sample.rows=200.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def main() -> None:
    """The `limekiln` command."""
    app()


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where to write config.yaml.", metavar="[DIR]")] = Path(),
    *,
    debug: Debug = False,
) -> None:
    """Writes a commented starter config.yaml."""
    with _errors(debug=debug):
        from limekiln import config as configs
        from limekiln import store
        from limekiln.errors import InputError

        path = folder / "config.yaml"
        if path.exists():
            raise InputError(f"{path} is there already; nothing was written")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make the folder {folder}: {error.strerror}") from error
        store.write_text(path, configs.starter())
        _say(f"wrote {path}; fill in model.source and data.source, then: limekiln check {path}")


@app.command()
def check(config: Config, overrides: Overrides = None, *, debug: Debug = False) -> None:
    """Reads the data, loads the model, predicts a few rows, and prints what a run would do."""
    with _errors(debug=debug):
        from limekiln import config as configs
        from limekiln import kiln

        plan = kiln.check(configs.load(config, overrides or ()))
        perturbed = "in one pool" if plan.pool != "none" else "for each row"
        lines = {
            "model": plan.model,
            "task": plan.task + (f" of {', '.join(plan.classes)}" if plan.task == "classification" else ""),
            "rows": f"{plan.rows:,} of {plan.of:,} {plan.what}",
            "perturbations": f"{plan.perturbations:,} {perturbed}",
            "model rows": f"{plan.model_rows:,} to be predicted, about {plan.seconds:.1f} s of the model's time",
        }
        for name, text in lines.items():
            print(f"{name:>15}  {text}")
        for notice in plan.notices:
            _say(f"note: {notice}")


@app.command()
def run(
    config: Config,
    overrides: Overrides = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="ADDR", help="inline, local, or a scheduler's address.")
    ] = None,
    *,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted run of the same config stopped.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Runs the whole pipeline. The last line on standard output is the run folder's path, alone."""
    with _errors(debug=debug):
        from limekiln import config as configs
        from limekiln import gates, kiln

        settings = [*(overrides or ()), *([f"cluster.scheduler={scheduler}"] if scheduler else [])]
        loaded = configs.load(config, settings)
        with _progress() as listener:
            finished = kiln.run(loaded, listener, resume=resume)
        counts = finished.record.manifest.counts
        for line in _open_orders(finished.record.results):
            _say(line)
        if pools := _pools(finished.record.results):
            _say(pools)
        if methods := _methods(finished.record.results):
            _say(methods)
        _say(
            f"requested {counts.requested:,} = explained {counts.explained:,} + failed {counts.failed:,} rows; "
            f"the model was asked for {counts.model_rows:,} rows"
        )
        seconds = ", ".join(f"{stage} {s:.1f} s" for stage, s in finished.seconds.items())
        _say(f"time: {seconds}")
        outcomes = finished.record.results.gates
        for line in gates.lines(outcomes):
            _say(line)
        print(finished.folder, flush=True)
        if code := _BY_GATES[gates.verdict(outcomes)]:
            if finished.missing:
                _say(f"error: {finished.missing}")
            raise typer.Exit(code)
        if finished.missing:
            raise finished.missing


@app.command()
def render(
    folder: Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN", show_default=False)],
    *,
    debug: Debug = False,
) -> None:
    """Draws the HTML and PDF of a stored run again, without the model."""
    with _errors(debug=debug):
        from limekiln import kiln

        finished = kiln.render(folder)
        print(finished.folder)
        if finished.missing:
            raise finished.missing


@app.command()
def explain(
    config: Config,
    row: Annotated[str, typer.Option("--row", metavar="KEY", help="The row's id, or its position from 0.")],
    overrides: Overrides = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Where the page goes; by default beside the runs.")
    ] = None,
    *,
    debug: Debug = False,
) -> None:
    """Explains one row, in the terminal and as HTML. The last line is the page's path, alone."""
    with _errors(debug=debug):
        from limekiln import config as configs
        from limekiln import kiln, store
        from limekiln.report.local import render_local

        loaded = configs.load(config, overrides or ())
        with _progress() as listener:
            local = kiln.explain_row(loaded, row, listener)
        path = html or kiln.runs_folder(loaded) / "rows" / f"{store.slug(row, exact=True)}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        store.write_text(path, render_local(local))
        _print_local(local)
        print(path, flush=True)


@app.command()
def evaluate(
    folder: Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN", show_default=False)],
    rows: Annotated[int, typer.Option("--rows", min=2, help="Rows of each class whose features are taken away.")] = 200,
    train: Annotated[
        str | None,
        typer.Option("--train", metavar="MODULE:CALLABLE", help="Trains anew: (rows, labels, seed) to a predictor."),
    ] = None,
    *,
    seeds: Annotated[int, typer.Option("--seeds", min=2, help="With --train, how many models of each kind.")] = 5,
    config_folder: Annotated[
        Path | None,
        typer.Option("--config-folder", metavar="DIR", help="Where the config's paths start, if the run was moved."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where the JSON goes; by default beside the runs.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Tests a run's ranking: does taking the first features away matter most? The last line is the JSON's path."""
    with _errors(debug=debug):
        from limekiln import store
        from limekiln.evaluation import judge, words
        from limekiln.evaluation.user_training import Retrain

        retrain = None if train is None else Retrain(train, seeds)
        with _progress() as listener:
            found = judge.judge(folder, rows=rows, retrain=retrain, config_folder=config_folder, listener=listener)
        for line in words.lines(found):
            print(line)
        path = out or store.evaluation_path(folder, found.run_id)
        store.write_document(path, found)
        print(path, flush=True)


@app.command()
def schema(*, debug: Debug = False) -> None:
    """Prints the config's JSON Schema."""
    with _errors(debug=debug):
        import json

        from limekiln import config as configs

        print(json.dumps(configs.schema(), indent=2, ensure_ascii=False))


@app.callback(invoke_without_command=True)
def _version(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False
) -> None:
    if version:
        from limekiln import __version__

        print(f"limekiln {__version__}")
        raise typer.Exit


@contextmanager
def _errors(*, debug: bool) -> Iterator[None]:
    """Turns what went wrong into one message on standard error and the contract's exit code."""
    try:
        yield
    except LimekilnError as error:
        if debug:
            raise
        _say(f"error: {error}")
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        _say("interrupted; the batches that were finished are kept for: limekiln run CONFIG --resume")
        raise typer.Exit(INTERRUPTED) from None
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        if debug:
            raise
        _say(f"error: {type(error).__name__}: {error} (this is a defect of limekiln; --debug shows where)")
        raise typer.Exit(1) from None


@contextmanager
def _progress() -> Iterator["Listener"]:
    """A bar on a terminal, one line a tenth of a stage elsewhere."""
    if not sys.stderr.isatty():
        yield _log_lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:>10}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def draw(event: Any) -> None:
            if event.stage not in tasks:
                tasks[event.stage] = bars.add_task(event.stage, total=event.total)
            bars.update(tasks[event.stage], completed=event.done, total=event.total)

        yield draw


def _log_lines() -> "Listener":
    said: dict[str, int] = {}

    def log(event: Any) -> None:
        tenth = 10 * event.done // max(event.total, 1)
        if said.get(event.stage) != tenth:
            said[event.stage] = tenth
            _say(f"{event.stage}: {event.done} of {event.total} batches")

    return log


def _print_local(local: Any) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    told = local.classes if local.task == "regression" else local.classes[:_CLASSES_TOLD]
    for block in told:
        fit = "no variation to explain" if block.r2 is None else f"R² {block.r2:.2f}"
        title = f"{block.name}: model {block.predicted:.3f}, surrogate {block.surrogate:.3f}, {fit}"
        console.print(Text(title, style="bold"), soft_wrap=True)
        table = Table(box=None, pad_edge=False)
        table.add_column("feature", overflow="fold")
        if valued := any(f.raw for f in block.features):
            table.add_column("value", overflow="fold")
        table.add_column("weight", justify="right", no_wrap=True)
        ranked = sorted(block.features, key=lambda f: -abs(f.weight))
        shown = ranked if local.domain == "tabular" else ranked[:_PARTS_TOLD]
        for f in shown:
            direction = "▲" if f.weight > 0 else "▼" if f.weight < 0 else " "
            weight = Text(f"{direction} {f.weight:+.4f}")
            table.add_row(Text(f.feature), *([Text(f.raw)] if valued else []), weight)
        console.print(table)
        if lighter := len(ranked) - len(shown):
            console.print(f"and {lighter:,} lighter ones")
    if left := len(local.classes) - len(told):
        console.print(f"and {left:,} classes that the model finds less likely")


def _open_orders(results: Any) -> list[str]:
    """What is not decided, class by class: the hardest pair, and what it would take."""
    lines = []
    for facts in results.classes:
        c = facts.certificate
        if c is None or c.verdict == "decided":
            continue
        who = "all together" if facts.name == "*" else facts.name
        if not c.open:
            lines.append(f"{who}: the order of the first {c.top} is not certified, {c.rows:,} explanations are too few")
            continue
        pair, pool = c.open[0], sum(p.pool_share for p in c.open) / len(c.open)
        grown = "" if pair.growth is None else f"{pair.growth:,.{0 if pair.growth >= _FEW else 1}f}"
        budget = grown and f", which would take about {grown} times as many"
        what = "perturbations" if pool >= _MOSTLY else "rows" if pool <= 1 - _MOSTLY else "rows and perturbations"
        lines.append(
            f"{who}: {c.n_open:,} of {c.pairs:,} pairs in the order of the first {c.top} "
            f"{'is' if c.n_open == 1 else 'are'} open, the hardest {pair.first} and {pair.second}"
            f"{budget and f'{budget} {what}'}"
        )
    return lines[:_CLASSES_TOLD]


def _pools(results: Any) -> str:
    """Whether perturbed rows show what real ones get."""
    if results.pools is None:
        return next((n.text for n in results.notices if n.code == "pools_not_compared"), "")
    said = next((n.text for n in results.notices if n.code.startswith("pools_")), "perturbed and real rows agree")
    excess = max(f.excess for f in results.pools.findings)
    return f"{said.rstrip('.')} (largest excess {excess:.2f}; {results.pools.disagree_from:g} is a finding)"


def _methods(results: Any) -> str:
    """How far LIME and KernelSHAP agree, class by class; those that agree least where there are many."""
    if results.methods is None:
        return next((n.text for n in results.notices if n.code == "methods_not_compared"), "")
    known = (f for f in results.methods.findings if f.rank_correlation is not None)
    told = [
        f"{f.class_name} {f.rank_correlation:.2f} ({round(f.overlap * f.top)} of the first {f.top} shared)"
        for f in sorted(known, key=lambda f: f.rank_correlation)[:_CLASSES_TOLD]
    ]
    return f"rank correlation of LIME and KernelSHAP: {', '.join(told)}" if told else ""


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

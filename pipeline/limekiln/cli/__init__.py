"""The command line: arguments, messages, exit codes. The only package that prints."""

from pathlib import Path
from typing import Annotated

import typer

from limekiln.cli import proofs
from limekiln.cli.comparing import compare
from limekiln.cli.giving_reasons import reasons
from limekiln.cli.terminal import errors, progress, say
from limekiln.cli.told import methods, open_orders, pools, print_local

_BY_GATES = {"pass": 0, "fail": 3, "undecided": 4}

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
    with errors(debug=debug):
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
        say(f"wrote {path}; fill in model.source and data.source, then: limekiln check {path}")


@app.command()
def check(config: Config, overrides: Overrides = None, *, debug: Debug = False) -> None:
    """Reads the data, loads the model, predicts a few rows, and prints what a run would do."""
    with errors(debug=debug):
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
        if plan.redacted:
            lines["redacted"] = ", ".join(plan.redacted)
        for name, text in lines.items():
            print(f"{name:>15}  {text}")
        for notice in plan.notices:
            say(f"note: {notice}")


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
    with errors(debug=debug):
        from limekiln import config as configs
        from limekiln import gates, kiln

        settings = [*(overrides or ()), *([f"cluster.scheduler={scheduler}"] if scheduler else [])]
        loaded = configs.load(config, settings)
        with progress() as listener:
            finished = kiln.run(loaded, listener, resume=resume)
        counts = finished.record.manifest.counts
        results = finished.record.results
        for line in (*open_orders(results), pools(results), methods(results)):
            if line:
                say(line)
        say(
            f"requested {counts.requested:,} = explained {counts.explained:,} + failed {counts.failed:,} rows; "
            f"the model was asked for {counts.model_rows:,} rows"
        )
        seconds = ", ".join(f"{stage} {s:.1f} s" for stage, s in finished.seconds.items())
        say(f"time: {seconds}")
        outcomes = results.gates
        for line in gates.lines(outcomes):
            say(line)
        print(finished.folder, flush=True)
        if code := _BY_GATES[gates.verdict(outcomes)]:
            if finished.missing:
                say(f"error: {finished.missing}")
            raise typer.Exit(code)
        if finished.missing:
            raise finished.missing


@app.command()
def render(
    folder: Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN", show_default=False)],
    *,
    trust_templates: Annotated[
        bool,
        typer.Option("--trust-templates", help="Draw with the templates that the run brings along: they are code."),
    ] = False,
    debug: Debug = False,
) -> None:
    """Draws the HTML and PDF of a stored run again, without the model."""
    with errors(debug=debug):
        from limekiln import kiln

        finished = kiln.render(folder, trust_templates=trust_templates)
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
    with errors(debug=debug):
        from limekiln import config as configs
        from limekiln import kiln, store
        from limekiln.report.local import render_local

        loaded = configs.load(config, overrides or ())
        with progress() as listener:
            local = kiln.explain_row(loaded, row, listener)
        path = html or kiln.runs_folder(loaded) / "rows" / f"{store.slug(local.row, exact=True)}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        store.write_text(path, render_local(local))
        print_local(local)
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
    with errors(debug=debug):
        from limekiln import store
        from limekiln.evaluation import judge, words
        from limekiln.evaluation.user_training import Retrain

        retrain = None if train is None else Retrain(train, seeds)
        with progress() as listener:
            found = judge.judge(folder, rows=rows, retrain=retrain, config_folder=config_folder, listener=listener)
        for line in words.lines(found):
            print(line)
        path = out or store.evaluation_path(folder, found.run_id)
        store.write_document(path, found)
        print(path, flush=True)


app.command()(reasons)
app.command()(proofs.verify)
app.command()(compare)
app.command()(proofs.sign)


@app.command()
def schema(*, debug: Debug = False) -> None:
    """Prints the config's JSON Schema."""
    with errors(debug=debug):
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


if __name__ == "__main__":
    main()

"""`limekiln reasons`: what speaks for an adverse class, row by row."""

from pathlib import Path
from typing import Annotated

import typer

from limekiln.cli.terminal import errors


def reasons(
    folder: Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN", show_default=False)],
    class_name: Annotated[str, typer.Option("--class", metavar="CLASS", help="The adverse class.", show_default=False)],
    *,
    top: Annotated[int, typer.Option("--top", min=1, help="How many reasons a row has at most.")] = 4,
    codes: Annotated[
        Path | None,
        typer.Option("--codes", metavar="FILE", help="CSV or YAML: feature and, if need be, value to code and text."),
    ] = None,
    rows: Annotated[str, typer.Option("--rows", metavar="N", help="The first N rows of the class, or all.")] = "all",
    reference: Annotated[
        str,
        typer.Option(
            "--reference",
            metavar="NAME",
            help="What rows are set against: otherwise (predicted otherwise), close (the least sure quarter of these), "
            "all, a class, or a file of row names.",
        ),
    ] = "otherwise",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Where the CSV goes, the JSON beside it; by default beside the runs."
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Candidate reasons for an adverse class, for a person to judge. The last line is the CSV's path."""
    with errors(debug=debug):
        from limekiln import store
        from limekiln.errors import InputError
        from limekiln.reasons import document, finding, words

        if rows != "all" and not (rows.isdecimal() and int(rows)):
            raise InputError(f'--rows: expected a number from 1, or "all", got {rows!r}')
        asked = finding.Asked(class_name, top, None if rows == "all" else int(rows), reference, codes)
        found = finding.find(folder, asked)
        for line in words.lines(found):
            print("".join(sign if sign.isprintable() else "�" for sign in line))  # values are anybody's
        path = out or store.reasons_path(folder, found.run_id, class_name)
        store.write_document(path.with_suffix(".json"), found)
        store.write_text(path.with_suffix(".csv"), store.to_csv(document.table(found)))
        print(path.with_suffix(".csv"), flush=True)

"""The commands about what a stored run can be held to."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from limekiln.cli.terminal import errors, progress, say

if TYPE_CHECKING:
    from limekiln.verification import Verification

_EXIT_CODES = {"confirmed": 0, "refuted": 3, "could not run": 1}

Run = Annotated[Path, typer.Argument(help="A run folder, or a zip of one.", metavar="RUN", show_default=False)]


def verify(
    run: Run,
    rows: Annotated[
        str, typer.Option("--rows", metavar="N", help="How many rows are explained again: a number, or all.")
    ] = "20",
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Draws the rows; by default another one each time.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option("--tolerance", min=0, help="How far a weight may be off, of its row's heaviest.")
    ] = 1e-6,
    *,
    config_folder: Annotated[
        Path | None,
        typer.Option("--config-folder", metavar="DIR", help="Where the config's paths start, if the run was moved."),
    ] = None,
    trust_templates: Annotated[
        bool,
        typer.Option("--trust-templates", help="Draw with the templates that the run brings along: they are code."),
    ] = False,
    public_key: Annotated[
        Path | None, typer.Option("--public-key", metavar="FILE", help="The run must be signed by this key (PEM).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Proves a run: every file's hash, the chain, the reports drawn again, rows explained again. 3 where refuted."""
    with errors(debug=debug):
        from limekiln import verification

        with progress() as listener:
            found = verification.verify(
                run,
                rows=_number(rows),
                seed=seed,
                tolerance=tolerance,
                config_folder=config_folder,
                trust_templates=trust_templates,
                public_key=public_key,
                listener=listener,
            )
        _tell(found, as_json=as_json)
        raise typer.Exit(_EXIT_CODES[found.verdict])


def sign(
    run: Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN", show_default=False)],
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="The private key, PEM without a password.")],
    *,
    new_key: Annotated[bool, typer.Option("--new-key", help="Make the key first, where none may be yet.")] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="Sign a copy of report.pdf, with a certificate.")] = False,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", metavar="FILE", help="With --pdf: the key's X.509 certificate, PEM.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Signs a run, beside it: its manifest with an Ed25519 key, or its PDF. The last line is the signature's path."""
    with errors(debug=debug):
        from datetime import UTC, datetime

        from limekiln import signing
        from limekiln.errors import InputError

        if pdf != (certificate is not None) or (pdf and new_key):
            raise InputError("--pdf needs --certificate, which goes with nothing else, and a key that it certifies")
        if certificate is not None:
            print(signing.sign_pdf(run, key, certificate), flush=True)
            return
        if new_key:
            say(f"made {key}, which is yours alone, and {signing.new_key(key)} to give away")
        path, signature = signing.sign(run, key, datetime.now(UTC))
        say(f"signed by the key with fingerprint {signature.fingerprint}")
        print(path, flush=True)


def _number(rows: str) -> int | Literal["all"]:
    from limekiln.errors import InputError

    if rows == "all":
        return "all"
    if not rows.isdecimal():
        raise InputError(f"--rows: expected a number or all, got {rows!r}")
    return int(rows)


def _tell(found: "Verification", *, as_json: bool) -> None:
    from limekiln import store
    from limekiln.verification import words

    if as_json:
        print(store.to_json(found), end="", flush=True)
        return
    for line in words.lines(found):
        print(line)

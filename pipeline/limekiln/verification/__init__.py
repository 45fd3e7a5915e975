"""What `limekiln verify` does: from a run folder or its zip, is everything in it what the run made?"""

import hashlib
import secrets
from pathlib import Path
from typing import Any, Final, Literal

from limekiln import seal, store
from limekiln.errors import InputError
from limekiln.seal import MANIFEST
from limekiln.values import Listener, silent
from limekiln.verification import chained, contents, files, reports, rows, signatures
from limekiln.verification.document import Check, Verification, worst
from limekiln.verification.opened import Opened, opened
from limekiln.verification.rows import Asked

__all__ = ["ROWS", "TOLERANCE", "Check", "Verification", "verify"]

ROWS: Final = 20
TOLERANCE: Final = 1e-6


def verify(
    path: Path,
    *,
    rows: int | Literal["all"] = ROWS,
    seed: int | None = None,
    tolerance: float = TOLERANCE,
    config_folder: Path | None = None,
    trust_templates: bool = False,
    public_key: Path | None = None,
    listener: Listener = silent,
) -> Verification:
    """Checks a run folder, or a zip of one.

    Args:
        path: the folder or the zip.
        rows: how many rows are explained again.
        seed: draws the rows; by default another one each time, so that nobody knows which rows it will be.
        tolerance: how far a weight may be off, as a share of its row's heaviest.
        config_folder: what the config's paths are relative to, where the run was moved.
        trust_templates: draw the reports again with the templates that the run brings along, which are code.
        public_key: a PEM file with the Ed25519 key whose signature there must be.
        listener: hears of progress.

    Raises:
        InputError: there is no run there, or the public key cannot be read.
    """
    asked = Asked(rows, secrets.randbits(32) if seed is None else seed, tolerance, config_folder, trust_templates)
    with opened(path) as run:
        manifest, digest = _manifest(run)
        found = _checks(run, manifest, asked, listener)
        if manifest is not None and digest is not None:
            found += signatures.check(run, manifest, digest, public_key)
        checks = tuple(found)
    return Verification(
        run_id=str((manifest or {}).get("run_id", "")),
        manifest_sha256=digest,
        verdict=worst(checks),
        rows=rows,
        seed=asked.seed,
        tolerance=tolerance,
        checks=checks,
    )


def _manifest(run: Opened) -> tuple[dict[str, Any] | None, str | None]:
    try:
        content = (run.folder / MANIFEST).read_bytes()
        return seal.read(content), hashlib.sha256(content).hexdigest()
    except (OSError, ValueError):
        return None, None


def _checks(run: Opened, manifest: dict[str, Any] | None, asked: Asked, listener: Listener) -> list[Check]:
    found = files.check(run, manifest)
    if manifest is None:
        return found
    found += chained.check(run.beside, manifest)
    if any(check.verdict == "refuted" and check.part in {"files", "manifest"} for check in found):
        words = "reports are not drawn again, and rows not explained again, where files are not those of the run"
        return [*found, Check(part="contents", verdict="not checked", about="results and tables", words=words)]
    try:
        record = store.read(run.folder)
    except InputError as error:
        words = f"this version of limekiln cannot read the run: {error}"
        return [*found, Check(part="contents", verdict="could not run", about="results and tables", words=words)]
    return [
        *found,
        *contents.check(run.folder, record),
        *reports.check(run.folder, record, trust_templates=asked.trust_templates),
        *rows.check(run, record, asked, listener),
    ]

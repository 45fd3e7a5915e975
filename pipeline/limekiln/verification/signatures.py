"""Is the run signed, by whom, and is it that run which they signed?"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from limekiln import signing
from limekiln.errors import InputError
from limekiln.signing import Signature
from limekiln.verification.document import Check, Verdict
from limekiln.verification.opened import Opened

_REPORT = "report.pdf"


def check(run: Opened, manifest: Mapping[str, Any], digest: str, public_key: Path | None) -> list[Check]:
    """One check for each signature, and one for the key that was asked for.

    Args:
        run: the run folder.
        manifest: its manifest's JSON.
        digest: SHA-256 of its manifest's bytes.
        public_key: whose signature there must be.

    Raises:
        InputError: `public_key` cannot be read.
    """
    demanded = None if public_key is None else signing.fingerprint_of(public_key)
    name = str(manifest.get("run_id"))
    if Path(name).name != name:
        return [
            _say("refuted", "run_id", f"manifest.json has the run_id {name!r}, which is no run's", "a run's id", name)
        ]
    found = _signed(run.beside, name, digest, demanded)
    signed_pdf = signing.place(run.beside, name, ".pdf")
    return [*found, _pdf(run.folder, signed_pdf)] if signed_pdf.is_file() else found


def _signed(beside: Path, name: str, digest: str, demanded: str | None) -> list[Check]:
    path = signing.place(beside, name)
    if not path.is_file():
        if demanded is None:
            return [_say("not checked", path.name, "nobody signed the run")]
        return [_say("refuted", path.name, "the run is not signed", demanded)]
    try:
        document = signing.read(path)
        found = [_one(path.name, signature, name, digest) for signature in document.signatures]
    except InputError as error:
        return [_say("could not run", path.name, f"{error}")]
    if document.run_id != name:
        found.append(_say("refuted", path.name, f"{path.name} is of another run", name, document.run_id))
    if demanded is not None and demanded not in {s.fingerprint for s in document.signatures}:
        there = ", ".join(s.fingerprint for s in document.signatures)
        found.append(_say("refuted", path.name, f"{path.name} has no signature by the key asked for", demanded, there))
    return found


def _one(file: str, signature: Signature, name: str, digest: str) -> Check:
    who = f"the key {signature.fingerprint[:16]}…, {signature.signed}"
    if not signing.good(signature, name):
        return _say("refuted", file, f"{file}: the signature by {who}, is not that key's")
    if signature.manifest_sha256 != digest:
        words = f"{file}: the signature by {who}, is of another manifest: the run was changed or drawn again since"
        return _say("refuted", file, words, signature.manifest_sha256, digest)
    return _say("confirmed", file, f"signed by {who}")


def _pdf(folder: Path, path: Path) -> Check:
    name, content = path.name, path.read_bytes()
    report = (folder / _REPORT).read_bytes() if (folder / _REPORT).is_file() else b""
    if not report or not content.startswith(report):
        expected, found = (hashlib.sha256(part).hexdigest() for part in (report, content[: len(report)]))
        return _say("refuted", name, f"{name} is not report.pdf with a signature after it", expected, found)
    try:
        if not signing.intact(content):
            return _say("refuted", name, f"{name}: its signature does not hold for the whole file")
    except InputError as error:
        return _say("could not run", name, f"{error}")
    return _say("confirmed", name, f"{name} is report.pdf with a signature that holds; whose it is, a PDF reader tells")


def _say(verdict: Verdict, about: str, words: str, expected: str | None = None, found: str | None = None) -> Check:
    return Check(part="signatures", verdict=verdict, about=about, words=words, expected=expected, found=found)

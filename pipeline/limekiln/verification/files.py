"""Is every file the one that the manifest names, and is the manifest the one that was sealed?"""

from collections.abc import Mapping
from typing import Any

from limekiln import seal
from limekiln.seal import MANIFEST
from limekiln.verification.document import Check
from limekiln.verification.opened import Opened


def check(run: Opened, manifest: Mapping[str, Any] | None) -> list[Check]:
    """One check for each file that is wrong, or one for all files and one for the manifest.

    Args:
        run: the run folder.
        manifest: its manifest's JSON; None where it has none.
    """
    unread = {fault.file for fault in run.faults}
    faults = [*run.faults, *(fault for fault in seal.faults(run.folder) if fault.file not in unread)]
    found = [
        Check(
            part="manifest" if fault.file == MANIFEST else "files",
            verdict="refuted",
            about=fault.file,
            words=f"{fault.file} {fault.words}",
            expected=fault.expected,
            found=fault.found,
        )
        for fault in faults
    ]
    if manifest is None:
        return found
    if not any(check.part == "files" for check in found):
        n = len(manifest["files"])
        words = f"{n} files have the SHA-256 that the manifest says, and no other file is there"
        found.insert(0, Check(part="files", verdict="confirmed", about="all files", words=words))
    if not any(check.part == "manifest" for check in found):
        found.append(_sealed(manifest))
    return found


def _sealed(manifest: Mapping[str, Any]) -> Check:
    if manifest.get("seal") is None:
        words = "manifest.json has no seal, as in runs of earlier versions: nothing tells whether it was changed"
        return Check(part="manifest", verdict="could not run", about=MANIFEST, words=words)
    words = f"manifest.json has its own seal, {manifest['seal'][:16]}…"
    return Check(part="manifest", verdict="confirmed", about=MANIFEST, words=words)

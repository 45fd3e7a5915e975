"""What a PDF for archives must hold to, by independent readers of the standards."""

import shutil
import subprocess
from pathlib import Path

import page


def assert_archivable(content: bytes, folder: Path) -> None:
    """PDF/A-3a and PDF/UA-1, every rule that can be checked by machine; veraPDF is asked too where it is installed."""
    for profile in ("3a", "ua1"):
        told = page.validate_pdf_bytes(content, profile=profile)
        assert told.is_compliant, [(f.rule_id, f.message) for f in told.failures]
    (folder / "report.pdf").write_bytes(content)
    if qpdf := shutil.which("qpdf"):
        subprocess.run([qpdf, "--check", "report.pdf"], cwd=folder, check=True, capture_output=True)
    if verapdf := shutil.which("verapdf"):
        for flavour in ("3a", "ua1"):
            command = [verapdf, "--flavour", flavour, "--format", "text", "report.pdf"]
            subprocess.run(command, cwd=folder, check=True, capture_output=True)

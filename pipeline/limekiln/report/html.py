"""The report as one HTML file that fetches nothing and needs no script."""

from collections.abc import Sequence
from typing import Literal

from limekiln.report import own
from limekiln.report.shorter import NOTHING, Cut
from limekiln.report.templating import environment
from limekiln.report.view import ReportView

Medium = Literal["screen", "print"]


def render(view: ReportView, medium: Medium = "screen", *, replaced: Sequence[str] = (), cut: Cut = NOTHING) -> str:
    """The whole report as one file.

    Args:
        view: What `view.build` made of a run.
        medium: `screen` for the file a browser opens; `print` for the one that the PDF is drawn from.
        replaced: What the PDF prints for characters that no font can draw.
        cut: What the PDF leaves out to stay within its budget of pages.

    Returns:
        HTML with its styles, fonts and charts inside.

    Raises:
        TemplateFaultError: A template of the user's cannot be drawn.
    """
    values = {"view": view, "medium": medium, "replaced": replaced, "cut": cut}
    if view.templates:
        return own.render(view.templates, values)
    return environment().get_template(own.ENTRY).render(values)

"""The report as one HTML file that fetches nothing and needs no script."""

from typing import Literal

from limekiln.report.templating import environment
from limekiln.report.view import ReportView

Medium = Literal["screen", "print"]


def render(view: ReportView, medium: Medium = "screen") -> str:
    """The whole report as one file.

    Args:
        view: What `view.build` made of a run.
        medium: `screen` for the file a browser opens; `print` for the one that the PDF is drawn from.

    Returns:
        HTML with its styles, fonts and charts inside.
    """
    return environment().get_template("report.html.j2").render(view=view, medium=medium)

"""limekiln: global, class-specific explanation reports from local explanations.

run = limekiln.run("config.yaml")
run = limekiln.explain(model.predict_proba, frame, classes=model.classes_)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limekiln.api import Run, evaluate, explain, run, verify

__version__ = "0.1.0"
__all__ = ["Run", "__version__", "evaluate", "explain", "run", "verify"]


def __getattr__(name: str) -> Any:
    # imported on first use, so that `limekiln --help` need not wait for the scientific stack
    if name in {"Run", "evaluate", "explain", "run", "verify"}:
        from limekiln import api  # noqa: PLC0415  # for the reason above

        return getattr(api, name)
    raise AttributeError(f"module 'limekiln' has no attribute {name!r}")

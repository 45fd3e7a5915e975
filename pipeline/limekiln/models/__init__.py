"""Models of every kind behind one value, and the one door through which a model file is loaded.

Only the modules of this package may load a model, and only from bytes whose hash was taken before.
"""

from limekiln.models.checked import compare_decisions, predict_checked, predict_rows, probe
from limekiln.models.loading import load
from limekiln.models.model import Model
from limekiln.models.references import Discreet, InMemory, ModelRef

__all__ = [
    "Discreet",
    "InMemory",
    "Model",
    "ModelRef",
    "compare_decisions",
    "load",
    "predict_checked",
    "predict_rows",
    "probe",
]

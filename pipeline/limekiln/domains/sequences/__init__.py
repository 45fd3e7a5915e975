"""Series: their parts are spans of time, in each channel by itself."""

from limekiln.domains.sequences.series import Sequences, Series, axes, fit, globalise

__all__ = ["Sequences", "Series", "axes", "fit", "globalise"]

"""Proximity kernels: how much a perturbed row counts, by its distance from the explained one."""

import numpy as np

from limekiln.values import Array


def default_width(n_features: int) -> float:
    """LIME's kernel width for tables, 0.75·√d (Ribeiro et al. 2016; `LimeTabularExplainer`)."""
    return 0.75 * float(np.sqrt(n_features))


def exponential(squared_distance: Array, width: float) -> Array:
    """LIME's kernel √exp(−D²/σ²) = exp(−D²/(2σ²)), of the *squared* distance D².

    The square root is the reference implementation's, not the paper's: its σ is √2 times the paper's.
    """
    return np.exp(squared_distance / (-2.0 * width * width))

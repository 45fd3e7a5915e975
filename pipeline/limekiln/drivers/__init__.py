"""Rows in, explanations out: how a table's rows are explained, and how texts, images and series are.

Each domain's driver knows what to send to the workers and how to put together what comes back. What a run
does before and after, `stages` does the same for all of them.
"""

import numpy as np

from limekiln.bench import Bench
from limekiln.drivers.parts import PartsDriver, kind_of
from limekiln.drivers.tables import TableDriver
from limekiln.drivers.told import Driver, Inputs, Known, OneRow, Told, labelled
from limekiln.errors import InputError, InstanceError
from limekiln.local.parts import together
from limekiln.settings import Settings
from limekiln.values import Instances

__all__ = ["Driver", "Inputs", "Known", "OneRow", "Told", "driver", "labelled", "trial"]


def driver(inputs: Inputs, settings: Settings, bench: Bench) -> Driver:
    """The driver of the configured domain.

    Raises:
        InputError: the settings do not fit the data.
    """
    return (TableDriver if settings.data.domain == "tabular" else PartsDriver)(inputs, settings, bench)


def trial(inputs: Inputs, settings: Settings, at_most: int) -> Instances:
    """The first rows of the data as the model gets them; texts, images and series only where they can be read.

    Raises:
        InputError: none of the first rows can be read; the message has the first reason.
    """
    if settings.data.domain == "tabular":
        return inputs.frame.features.head(at_most)
    domain = kind_of(inputs, settings).domain
    found: list[str | np.ndarray] = []
    reasons: list[str] = []
    for cell in inputs.frame.features.iloc[:at_most, 0]:
        try:
            instance = domain.decode(cell)
        except InstanceError as error:
            reasons.append(str(error))
            continue
        if not found or isinstance(instance, str) or instance.shape == np.shape(found[0]):
            found.append(instance)
    if not found:
        raise InputError(f"{inputs.frame.source}: none of the first {len(reasons)} rows can be read: {reasons[0]}")
    return together(found)

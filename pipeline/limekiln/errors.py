"""What can go wrong, by whose hand it can be mended, and the exit code that says so."""


class LimekilnError(Exception):
    """Base of every error that limekiln raises on purpose: one message, no traceback, `exit_code` set."""

    exit_code = 1


class InputError(LimekilnError):
    """The config, the arguments, the data or the model file are wrong; the user can mend them."""

    exit_code = 2


class ConfigError(InputError):
    """A value in the config is wrong; the message starts with its place, `config.yaml:23:5: key`."""


class RunError(LimekilnError):
    """The run could not be finished although its input was accepted."""


class RefusedError(RunError):
    """The model refuses too many of the rows that explanations rest on."""


class PdfUnavailableError(RunError):
    """A PDF was asked for and the libraries that draw it are missing; everything else was written."""


class TemplateFaultError(RunError):
    """A template of the user's cannot be drawn; the message starts with its file and line."""


class PredictionError(RunError):
    """The model raised, or gave back something that is no prediction; the message says what came back."""


class InstanceError(LimekilnError):
    """A text, an image or a series that cannot be explained; it ends as a failed row with this message."""

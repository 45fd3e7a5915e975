"""limekiln: global, class-specific explanation reports from local explanations."""

__version__ = "0.1.0"

"""Local weights to class importances."""

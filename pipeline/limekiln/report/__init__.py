"""The report: a finished run in, one HTML page and one PDF out. It needs neither the model nor the data."""

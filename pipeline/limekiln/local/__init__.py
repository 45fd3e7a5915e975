"""Rows to local explanations, batch by batch: the functions that the fan-out calls, over values it can send."""

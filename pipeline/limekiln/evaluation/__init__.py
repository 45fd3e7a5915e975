"""`limekiln evaluate`: is a stored run's ranking right?

`deletion` and `retraining` hold the mathematics, `judge` and `user_training` put a run to the test with them,
`document` is what comes out, and `words` says it in the terminal.
"""

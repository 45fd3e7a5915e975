"""`limekiln reasons`: what speaks for an adverse class in each row, against a reference population.

`contributions` holds the mathematics, `codes` reads a user's table of codes, `finding` puts both to a stored run,
`document` is what comes out, and `words` says it in the terminal. These are candidates for a person to judge, and no
adverse action notice.
"""

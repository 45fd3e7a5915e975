"""One package for each kind of data: what its features are, how they are perturbed, how rows match."""

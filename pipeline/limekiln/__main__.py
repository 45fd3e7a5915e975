"""`python -m limekiln` is the `limekiln` command."""

from limekiln.cli import main

main()

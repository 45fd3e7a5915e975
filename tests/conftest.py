"""What every test shares."""

import os

import pytest
from hypothesis import settings

# A slow machine is no failure: what an example finds counts, not how long it took. CI draws the same examples
# each time, so that it judges the change and not the draw; other runs look further.
settings.register_profile("limekiln", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("limekiln")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bless", action="store_true", help="Write tests/golden/ anew instead of comparing with it.")

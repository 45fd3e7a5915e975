"""What every test shares."""

from hypothesis import settings

# a slow machine is no failure; what an example finds counts, not how long it took
settings.register_profile("limekiln", deadline=None)
settings.load_profile("limekiln")

"""What all tests share: examples that a property looks at may take their time on a busy machine."""

from hypothesis import settings

settings.register_profile("kpiwatch", deadline=None)
settings.load_profile("kpiwatch")

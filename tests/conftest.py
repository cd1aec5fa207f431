"""How many examples Hypothesis tries: the same ones every time, so that a run is repeatable.

`--hypothesis-profile=thorough` looks further and elsewhere.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("gate", deadline=None, derandomize=True, database=None, max_examples=60)
settings.register_profile("thorough", deadline=None, derandomize=False, max_examples=1_200)
settings.load_profile("gate")

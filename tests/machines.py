"""How thoroughly the state machines are run: HYPOTHESIS_PROFILE is `quick`, or `thorough` as in CI."""

import os

from hypothesis import HealthCheck, Phase, settings

plain = settings(
    deadline=None,
    print_blob=True,
    derandomize=False,
    stateful_step_count=20,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile("quick", plain, max_examples=20)
settings.register_profile("thorough", plain, max_examples=1000)

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "quick")
THOROUGHNESS = settings.get_profile(PROFILE)
IS_THOROUGH = PROFILE == "thorough"

# A control looks for the first fault and needs no smallest example of it; the same ones each time.
CONTROL = settings(
    plain,
    max_examples=1000,
    stateful_step_count=30,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
)

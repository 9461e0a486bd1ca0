"""Settings of the workers in the storm: everything that takes minutes takes a moment."""

from tests.settings import *  # noqa: F403

CALLBACK_ALLOW_PRIVATE = True
CALLBACK_DEADLINE_SECONDS = 1.0
CALLBACK_LEASE_SECONDS = 2.0
# Never given up: each event must arrive.
CALLBACK_RETRY_SECONDS = [0.2] * 100
CALLBACK_POLL_SECONDS = 0.1
CALLBACK_STOP_SECONDS = 1.0

"""The site's settings, for runs in which answers are to come after the end of their attempt's lease."""

from panel.settings import *  # noqa: F403

# "The lease would end while a call may still be under way": it is meant to.
SILENCED_SYSTEM_CHECKS = ["panel.E003"]

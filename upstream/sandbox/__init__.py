"""A provider to try things on: an HTTP server that serves `provider-api.txt`, with knobs for faults."""

from upstream.sandbox.catalogue import Service
from upstream.sandbox.clock import MovedClock
from upstream.sandbox.faults import Fault, Faults
from upstream.sandbox.server import SandboxServer
from upstream.sandbox.settings import Settings

__all__ = ["Fault", "Faults", "MovedClock", "SandboxServer", "Service", "Settings"]

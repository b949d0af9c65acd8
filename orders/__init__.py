"""Orders: placing, forwarding, polling, canceling, refunding, and their pages."""

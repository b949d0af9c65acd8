"""Time that a test moves."""


class MovedClock:
    """A clock that stands until it is moved; seconds since 1970, for `Sandbox(clock=...)`."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        """Let this many seconds pass."""
        self.now += seconds

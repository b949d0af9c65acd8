"""What the rules of support refuse."""


class SupportError(Exception):
    """Base of all refusals of the support room; nothing was changed when one is raised."""


class NothingToPublish(SupportError):
    """Raised when the terms are published without a text, or with the text of the newest version."""

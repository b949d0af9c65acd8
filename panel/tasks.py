"""Tasks of the whole site. Each may run twice or never: beat comes again."""

from celery import shared_task

from panel import auditing


@shared_task
def audit_money() -> None:
    """Prove the money, and tell staff when it is wrong."""
    auditing.audit_and_tell()

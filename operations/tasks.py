"""Tasks of the operations room. Each may run twice or never."""

from celery import shared_task

from operations import alerting


@shared_task
def mail_alerts() -> None:
    """Mail staff the alerts that are due."""
    alerting.mail_alerts()

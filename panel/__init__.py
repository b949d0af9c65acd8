"""The site: settings, addresses, Celery, and what belongs to no single room."""

from panel.celery import app as celery_app

__all__ = ["celery_app"]

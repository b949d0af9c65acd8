"""The Celery application: `celery -A panel worker`, `celery -A panel beat`."""

import logging.config
import os

import django_stubs_ext
from celery import Celery
from celery.signals import setup_logging
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")
django_stubs_ext.monkeypatch()

app = Celery("panel")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def use_the_sites_logging(**kwargs: object) -> None:
    """Log as the web processes do; Celery's own way would lift the level over LOG_LEVEL."""
    logging.config.dictConfig(settings.LOGGING)

"""The Celery application: `celery -A panel worker`, `celery -A panel beat`."""

import os

import django_stubs_ext
from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")
django_stubs_ext.monkeypatch()

app = Celery("panel")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

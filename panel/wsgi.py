"""The WSGI entry: `gunicorn panel.wsgi`."""

import os
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.http import parse_header_parameters

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")


class Request(WSGIRequest):
    """A request in UTF-8, whatever charset it names.

    Django's own decodes the query by that charset as soon as it is made, before any middleware: one that is
    none of text (hex, zip) would end it with a bare 500. `UnreadableTextMiddleware` refuses it with a page.
    """

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except (LookupError, ValueError):  # a parameter encoded by RFC 2231, in no encoding that there is
            self.content_type, self.content_params = "", {"charset": ""}


class Handler(WSGIHandler):
    """Django's handler with the request above."""

    request_class = Request


django.setup(set_prefix=False)
application = Handler()

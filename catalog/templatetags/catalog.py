"""`{{ service|shown_name }}`: names in the reader's language; `{{ health|usual_time }}`: measured times."""

from django import template

from catalog.health_words import health_of, speeds, usual_time
from catalog.naming import about, title_of

register = template.Library()

register.filter("shown_name", title_of)
register.filter("about", about)
register.filter("usual_time", usual_time)
register.filter("health_of", health_of)
register.filter("speeds", speeds)

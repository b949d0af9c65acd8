"""What a customer may order for."""

from django.db.models import CharField, Func

from catalog.link_form import NotALink, normal_form
from catalog.link_rules import kept_form, rule_for, takes
from orders.errors import InvalidLink, LinkNotTaken

START_LENGTH = 200


def clean_link(text: str, *, service_id: int) -> str:
    """Return a link in the form in which it is kept, sent and compared (`catalog/link_form.py`).

    Raises `InvalidLink` unless it is an http(s) URL, and `LinkNotTaken` when the service's rule
    (`catalog/link_rules.py`) names other ones.
    """
    try:
        link = normal_form(text)
    except NotALink as error:
        raise InvalidLink(str(error)) from error
    rule = rule_for(service_id)
    if rule is not None and not takes(rule, link):
        raise LinkNotTaken(example=rule.example)
    return kept_form(rule, link)


class LinkStart(Func):
    """The first `START_LENGTH` characters of a link: what an index holds of it.

    PostgreSQL's trees hold no text of 2048 characters. The length is written out in the SQL: an index is used
    only where its very expression stands, and to SQLite a parameter is another one than the number it holds.
    """

    function = "SUBSTR"
    template = f"%(function)s(%(expressions)s, 1, {START_LENGTH})"
    arity = 1
    output_field = CharField()

"""`{{ field|control }}`: a form's field drawn as Tabler draws it."""

from django import template
from django.forms import BoundField
from django.utils.safestring import SafeString

register = template.Library()

CLASSES = {"checkbox": "form-check-input", "radio": "form-check-input", "select": "form-select"}


@register.filter
def control(field: BoundField) -> SafeString:
    """Draw a field's input; Django adds the ids of its help and its errors (`aria-describedby`)."""
    classes = [CLASSES.get(field.widget_type, "form-control"), field.field.widget.attrs.get("class", "")]
    if field.errors:
        classes.append("is-invalid")
    return field.as_widget(attrs={"class": " ".join(filter(None, classes))})

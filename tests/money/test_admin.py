from typing import Any

from django.contrib import admin
from django.test import Client as Browser
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from catalog.models import Provider
from money.fields import MoneyField
from tests.factories import make_provider


def test_every_amount_that_admin_lets_one_type_has_the_look_of_its_other_fields() -> None:
    fields = [
        (f"{model.__name__}.{field.name}", own.formfield_for_dbfield(field, request=None))
        for model, own in admin.site._registry.items()
        for field in model._meta.get_fields()
        if isinstance(field, MoneyField)
    ]

    assert {"Provider.low_balance", "PriceRule.amount", "Order.charge"} <= {name for name, _ in fields}
    assert [name for name, made in fields if not isinstance(made.widget, UnfoldAdminDecimalFieldWidget)] == []


def test_it_has_a_border(operator: Browser) -> None:
    provider: Provider = make_provider()
    answer: Any = operator.get(f"/admin/catalog/provider/{provider.pk}/change/")

    assert "border-base-200" in answer.context["adminform"].form.fields["low_balance"].widget.attrs["class"]

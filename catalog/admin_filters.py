"""What admin pages of several rooms share: filters, and what is never deleted."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.requests import row_number
from catalog.models import Provider


class ProviderFilter(admin.SimpleListFilter):
    """Offers providers by their names alone; Django's own filter would fetch, and decrypt, their keys."""

    title = _("provider")
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[Any, str]]:
        """Offer all."""
        return list(Provider.objects.values_list("pk", "name"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        """Keep what is the chosen one's."""
        # While it counts rows for each choice, Django hands the ids themselves in.
        provider_id = row_number(str(self.value() or ""))
        return queryset if provider_id is None else queryset.filter(provider=provider_id)


class NotDeleted:
    """Refuses deletion: orders and money hang on the row."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

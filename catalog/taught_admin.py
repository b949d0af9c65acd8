"""Taught texts in admin: read, searched, taught from scratch, forgotten."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import ForeignKey, Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from accounts.models import User
from catalog.admin_filters import ProviderFilter
from catalog.models import Provider, TaughtText
from catalog.teaching import TeachingError, check, explain, forget, teach


class TaughtTextForm(forms.ModelForm[TaughtText]):
    """A provider's text, and what it means."""

    class Meta:
        model = TaughtText
        fields = ("provider", "text", "meaning")
        help_texts = {
            "text": _(
                "Part of what the provider says, without links. # stands for any number; write the number "
                "itself where it matters."
            ),
            "meaning": _("Orders that are held with this text are settled so within a minute."),
        }

    def clean(self) -> dict[str, Any]:
        """Bring the text into the form in which it is kept, and refuse what cannot be taught."""
        data = super().clean() or {}
        if {"provider", "text", "meaning"} <= data.keys():
            try:
                data["text"] = check(data["provider"], text=data["text"], meaning=data["meaning"])
            except TeachingError as error:
                self.add_error("text", explain(error))
        return data


class TaughtTextAdmin(ModelAdmin):  # type: ignore[misc]
    """What operators have taught, provider by provider."""

    form = TaughtTextForm
    list_display = ("text", "provider", "meaning", "taught_by", "taught_at")
    list_filter = (ProviderFilter, "meaning")
    search_fields = ("text",)
    show_full_result_count = False
    readonly_fields = ("taught_by", "taught_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TaughtText]:
        """Leave the keys where they are."""
        rows = super().get_queryset(request).select_related("provider", "taught_by")
        return rows.defer("provider__key")  # type: ignore[no-any-return]

    def get_fields(self, request: HttpRequest, obj: TaughtText | None = None) -> tuple[str, ...]:
        """Show who taught it, and when, of what is taught."""
        return ("provider", "text", "meaning", *(self.readonly_fields if obj else ()))

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any], request: HttpRequest, **more: Any) -> Any:
        """Offer providers without their keys."""
        if db_field.name == "provider":
            more["queryset"] = Provider.objects.defer("key")
        return super().formfield_for_foreignkey(db_field, request, **more)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let those teach who may also decide of orders: held ones are settled by it."""
        return super().has_add_permission(request) and request.user.has_perm("orders.change_order")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: another meaning is another lesson."""
        return False

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Say so where another operator taught the text otherwise while this one wrote."""
        try:
            return super().add_view(request, form_url, extra_context)  # type: ignore[no-any-return]
        except TeachingError as error:
            self.message_user(request, explain(error), messages.ERROR)
            return redirect(reverse("admin:catalog_taughttext_changelist"))

    def save_model(
        self, request: HttpRequest, obj: TaughtText, form: ModelForm[TaughtText], change: bool
    ) -> None:
        """Teach by the rule."""
        if isinstance(request.user, User):
            taught = teach(obj.provider, text=obj.text, meaning=obj.meaning, actor=request.user)
            obj.pk = taught.pk

    def delete_model(self, request: HttpRequest, obj: TaughtText) -> None:
        """Forget by the rule."""
        forget(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[TaughtText]) -> None:
        """Forget each by the rule."""
        for taught in queryset:
            forget(taught)

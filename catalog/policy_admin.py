"""When catalogues are believed and services stop, and which words are not sold, in admin."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from solo.admin import SingletonModelAdmin
from unfold.admin import ModelAdmin

from catalog.banning import drop_words, globs_of, save_words
from catalog.models import BannedWords, CataloguePolicy
from catalog.pricing import save_policy


class CataloguePolicyAdmin(SingletonModelAdmin, ModelAdmin):  # type: ignore[misc]
    """What the operator has set for the whole catalogue: one page."""

    fieldsets = (
        (_("Copies"), {"fields": ("max_shrink_percent", "max_cost_jump_percent")}),
        (_("Prices"), {"fields": ("on_loss", "rate_warning_days")}),
        (_("Services that fail"), {"fields": ("failing_percent", "failing_orders", "failing_hours")}),
    )

    def save_model(
        self, request: HttpRequest, obj: CataloguePolicy, form: ModelForm[CataloguePolicy], change: bool
    ) -> None:
        """Save by the rule."""
        save_policy(obj)


class BannedWordsForm(forms.ModelForm[BannedWords]):
    """Words, and whether they count."""

    class Meta:
        model = BannedWords
        fields = ("pattern", "is_on", "note")

    def clean_pattern(self) -> str:
        """Refuse what says no word: it would ban everything, or nothing."""
        pattern: str = self.cleaned_data["pattern"]
        if not globs_of(pattern):
            raise forms.ValidationError(_("Write at least one letter or digit."))
        return pattern


class BannedWordsAdmin(ModelAdmin):  # type: ignore[misc]
    """Words that are not sold; saving or deleting some holds services, and lets others go, at once."""

    form = BannedWordsForm
    list_display = ("pattern", "is_on", "note")
    list_filter = ("is_on",)
    search_fields = ("pattern", "note")
    show_full_result_count = False

    def save_model(
        self, request: HttpRequest, obj: BannedWords, form: ModelForm[BannedWords], change: bool
    ) -> None:
        """Save by the rule."""
        self._tell(request, save_words(obj))

    def delete_model(self, request: HttpRequest, obj: BannedWords) -> None:
        """Drop by the rule."""
        self._tell(request, drop_words(obj))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[BannedWords]) -> None:
        """Drop each by the rule."""
        for words in queryset:
            drop_words(words)

    def _tell(self, request: HttpRequest, held: int) -> None:
        words: Any = ngettext(
            "%(count)d service is held for banned words.",
            "%(count)d services are held for banned words.",
            held,
        )
        self.message_user(request, words % {"count": held})

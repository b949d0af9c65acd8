"""Categories in admin."""

from collections.abc import Sequence

from django.forms import ModelForm
from django.http import HttpRequest

from accounts.sheet_pages import ExportPages
from catalog.admin_filters import NotDeleted
from catalog.models import Category
from catalog.sheets import CategorySheet
from catalog.translating import follow_names, save_category_names
from catalog.translating_pages import TITLES, TranslatingPages


class CategoryAdmin(NotDeleted, ExportPages, TranslatingPages):
    """Headings of the price list, as providers name them, and the operator's own."""

    list_display = ("name", "title_ru", "title_en", "position", "is_hidden")
    list_editable = ("position", "is_hidden")
    list_filter = ("is_hidden",)
    search_fields = ("name", "title_ru", "title_en")
    show_full_result_count = False
    actions = ("translate",)
    resource_classes = (CategorySheet,)
    save_names = staticmethod(save_category_names)

    def get_readonly_fields(self, request: HttpRequest, obj: Category | None = None) -> Sequence[str]:
        """Keep a name once given: a provider's catalogue finds its categories by it."""
        return () if obj is None else ("name",)

    def save_model(
        self, request: HttpRequest, obj: Category, form: ModelForm[Category], change: bool
    ) -> None:
        """Save, and let searches find its services by its new names."""
        super().save_model(request, obj, form, change)
        if set(TITLES) & set(form.changed_data):
            follow_names([obj.pk])

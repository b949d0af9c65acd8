"""The page on which names are translated by a table: fifty rows a page, found by the list's filters."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.core.validators import MaxLengthValidator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextInputWidget

from catalog.translating import Names

ROWS = 50
TITLES = ("title_ru", "title_en")


class NamesForm(forms.Form):
    """Our names of one service or category; what is left as the page showed it is not written."""

    pk = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**63 - 1)
    title_ru = forms.CharField(label=_("name in Russian"), required=False, show_hidden_initial=True)
    title_en = forms.CharField(label=_("name in English"), required=False, show_hidden_initial=True)

    def __init__(self, *args: Any, longest: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in TITLES:
            field = self.fields[name]
            field.max_length = longest  # type: ignore[attr-defined]
            field.validators.append(MaxLengthValidator(longest))
            field.widget = UnfoldAdminTextInputWidget(
                attrs={"maxlength": longest, "aria-label": field.label, "class": "w-full"}
            )

    def names(self) -> Names:
        """Return what was changed."""
        return {name: self.cleaned_data[name] for name in TITLES if name in self.changed_data}


class NamesFormSet(forms.BaseFormSet[NamesForm]):
    """The rows of the table, with what they name."""

    def names(self) -> dict[int, Names]:
        """Return what was changed, by row."""
        return {form.cleaned_data["pk"]: names for form in self.forms if (names := form.names())}


NamesTable = forms.formset_factory(
    NamesForm, formset=NamesFormSet, extra=0, max_num=ROWS, absolute_max=ROWS, validate_max=True
)


class TranslatingPages(ModelAdmin):  # type: ignore[misc]
    """The table of names, for the admin of services and of categories."""

    save_names: Callable[[Mapping[int, Names]], int]
    """The rule that writes them, as a `staticmethod`."""

    list_per_page = ROWS

    def get_urls(self) -> list[URLPattern]:
        """Add the page."""
        page = path("names/", self.admin_site.admin_view(self.names_page), name=self._name("names"))
        return [page, *super().get_urls()]

    @admin.action(description=_("Translate names…"), permissions=["change"])
    def translate(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """Lead to the table of what is chosen: those of the page by their ids, all by the filters."""
        query = request.GET.copy()
        query.pop("p", None)
        if request.POST.get("select_across") != "1":
            chosen = queryset.order_by("pk").values_list("pk", flat=True)[: 2 * ROWS]
            query["pk__in"] = ",".join(str(pk) for pk in chosen)
        return redirect(f"{reverse('admin:' + self._name('names'))}?{query.urlencode()}")

    def names_page(self, request: HttpRequest) -> HttpResponse:
        """Show the table, and write what was changed in it."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            table: Any = NamesTable(request.POST, form_kwargs={"longest": self._longest()})
            if table.is_valid():
                count = self.save_names(table.names())
                said = ngettext("%s name is saved.", "Names of %s rows are saved.", count)
                self.message_user(request, said % number_format(count), messages.SUCCESS)
                return redirect(request.get_full_path())
            return self._table(request, table, status=422)
        return self._table(request, None)

    def _table(self, request: HttpRequest, table: Any, *, status: int = 200) -> HttpResponse:
        try:
            found = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return redirect(reverse("admin:" + self._name("changelist")))
        rows = list(found.result_list)
        if table is None:
            initial = [{"pk": row.pk, **{name: getattr(row, name) for name in TITLES}} for row in rows]
            table = NamesTable(initial=initial, form_kwargs={"longest": self._longest()})
        named = self._named(table) if table.is_bound else {row.pk: row for row in rows}
        lines = [(form, named.get(_pk_of(form) or 0)) for form in table.forms]
        context = {
            "title": gettext("Translate names"),
            "table": table,
            "lines": lines,
            "found": found,
            "back": reverse("admin:" + self._name("changelist")),
            "pages": [(number, found.get_query_string({"p": number})) for number in _around(found)],
        }
        whole = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        return TemplateResponse(request, "admin/catalog/service/names.html", whole, status=status)

    def _named(self, table: Any) -> dict[int, Model]:
        """Return the rows of a table that came back, whatever the filters find now."""
        pks = [pk for form in table.forms if (pk := _pk_of(form)) is not None]
        return {row.pk: row for row in self.model._default_manager.filter(pk__in=pks)}

    def _longest(self) -> int:
        return int(self.model._meta.get_field("title_ru").max_length or 0)

    def _name(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"


def _pk_of(form: NamesForm) -> int | None:
    value = form["pk"].value()
    return int(value) if str(value).isascii() and str(value).isdigit() and len(str(value)) <= 18 else None


def _around(found: Any) -> range:
    """Return the numbers of the pages beside the one that is shown."""
    return range(max(1, found.page_num - 5), min(found.paginator.num_pages, found.page_num + 5) + 1)

"""Admin's pages on which sheets are taken out and brought in: what all rooms share.

django-import-export reads the rows, tries them in a transaction that is rolled back, and says what changes;
nothing is written before a person has seen that. A sheet is written whole or not at all.
"""

import re
import secrets
import time
from pathlib import Path
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from import_export.admin import ExportMixin
from import_export.results import Result
from unfold.admin import ModelAdmin
from unfold.contrib.import_export.forms import ExportForm
from unfold.widgets import UnfoldAdminFileFieldWidget

from accounts.sheet_columns import Sheet
from accounts.sheets import SHEETS, BadSheet, read_sheet

MOST_OUT = 50_000
SHOWN = 200
KEPT_SECONDS = 86_400


class ExportPages(ExportMixin, ModelAdmin):  # type: ignore[misc]
    """Takes the rows that the list's filters find out as a sheet."""

    formats: ClassVar[list[Any]] = SHEETS
    export_form_class = ExportForm

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Let those take rows out who may see them, and have the right to."""
        may_view: bool = self.has_view_permission(request)
        return may_view and request.user.has_perm(self._right("export"))

    def export_action(self, request: HttpRequest) -> HttpResponse:
        """Refuse more rows than a spreadsheet is good for."""
        if not self.has_export_permission(request):
            raise PermissionDenied
        found: QuerySet[Any] = self.get_export_queryset(request)
        if found.order_by()[: MOST_OUT + 1].count() > MOST_OUT:
            said = gettext("More than %(most)s rows are chosen. Choose fewer by the filters, then export.")
            self.message_user(request, said % {"most": number_format(MOST_OUT)}, messages.ERROR)
            query = request.GET.urlencode()
            return redirect(f"{reverse('admin:' + self._page_name('changelist'))}?{query}")
        return super().export_action(request)  # type: ignore[no-any-return]

    def _right(self, action: str) -> str:
        return f"{self.opts.app_label}.{action}_{self.opts.model_name}"

    def _page_name(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"


class SheetForm(forms.Form):
    """A file to bring in."""

    sheet = forms.FileField(
        label=_("CSV or XLSX"),
        widget=UnfoldAdminFileFieldWidget,
        help_text=_("At most 5 MB and 20,000 rows. The first row names the columns, as in an export."),
    )


class ImportPages(ExportPages):
    """Takes sheets out, and brings them in by a resource that says what may change."""

    import_export_change_list_template = "admin/import_export/change_list_import_export.html"
    import_resource: type[Sheet]

    def has_import_permission(self, request: HttpRequest) -> bool:
        """Let those bring rows in who may change them, and have the right to."""
        may_change: bool = self.has_change_permission(request)
        return may_change and request.user.has_perm(self._right("import"))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Offer it on the list."""
        context = {**(extra_context or {}), "has_import_permission": self.has_import_permission(request)}
        return super().changelist_view(request, context)  # type: ignore[no-any-return]

    def get_urls(self) -> list[URLPattern]:
        """Add the page."""
        page = self.admin_site.admin_view(self.import_page)
        return [path("import/", page, name=self._page_name("import")), *super().get_urls()]

    def import_page(self, request: HttpRequest) -> HttpResponse:
        """Take a file, show what it changes, and on a second answer change it."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        form = SheetForm(request.POST or None, request.FILES or None)
        if "confirmed" in request.POST:
            return self._bring_in(request, form)
        if not form.is_valid():
            return self._sheet_page(request, form)
        data = form.cleaned_data["sheet"].read()
        try:
            result = self._try(request, data, dry_run=True)
        except BadSheet as error:
            form.add_error("sheet", str(error))
            return self._sheet_page(request, form)
        kept = "" if _is_bad(result) or not result.rows else _keep(data, user_id=_reader(request))
        return self._sheet_page(request, SheetForm(), result=result, kept=kept)

    def _bring_in(self, request: HttpRequest, form: SheetForm) -> HttpResponse:
        data = _kept(request.POST["confirmed"], user_id=_reader(request))
        if data is None:
            self.message_user(
                request, gettext("The file is no longer kept. Choose it again."), messages.ERROR
            )
            return redirect(request.path)
        result = self._try(request, data, dry_run=False)
        if _is_bad(result):
            # Something changed since it was shown: nothing was written.
            return self._sheet_page(request, SheetForm(), result=result)
        _forget(request.POST["confirmed"], user_id=_reader(request))
        count = len(result.rows)
        said = ngettext("%s row is written.", "%s rows are written.", count) % number_format(count)
        self.message_user(request, said, messages.SUCCESS)
        return redirect(reverse("admin:" + self._page_name("changelist")))

    def _try(self, request: HttpRequest, data: bytes, *, dry_run: bool) -> Result:
        dataset = read_sheet(data)
        resource = self.import_resource()
        unknown = [name for name in dataset.headers if name not in _columns(resource)]
        if unknown:
            said = gettext("The sheet has a column that is not known: %(name)s. These are: %(names)s.")
            raise BadSheet(said % {"name": unknown[0][:100], "names": ", ".join(_columns(resource))})
        if "id" not in dataset.headers:
            raise BadSheet(gettext("The sheet has no column “id”: rows are found by it."))
        return resource.import_data(
            dataset,
            dry_run=dry_run,
            use_transactions=True,
            rollback_on_validation_errors=True,
            user=request.user,
        )

    def _sheet_page(
        self, request: HttpRequest, form: SheetForm, *, result: Result | None = None, kept: str = ""
    ) -> HttpResponse:
        invalid = list(result.invalid_rows) if result else []
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Bring a sheet in"),
            "form": form,
            "result": result,
            "changes": [_told(row, result.diff_headers) for row in result.rows[:SHOWN]] if result else [],
            "changed": len(result.rows) if result else 0,
            "refusals": [(row.number + 1, _refusals(row)) for row in invalid[:SHOWN]],
            "refused": len(invalid),
            "faults": [str(error.error) for error in result.base_errors] if result else [],
            "columns": [field.column_name for field in self.import_resource().get_import_fields()],
            "kept": kept,
            "back": reverse("admin:" + self._page_name("changelist")),
        }
        status = 422 if form.errors or invalid else 200
        return TemplateResponse(request, "admin/accounts/sheet.html", context, status=status)


def _is_bad(result: Result) -> bool:
    return bool(result.has_errors() or result.has_validation_errors())


def _columns(resource: Sheet) -> list[str]:
    return [field.column_name for field in resource.get_export_fields()]


def _told(row: Any, columns: list[str]) -> tuple[str, list[tuple[str, str, str]]]:
    """Return a row's name, and what changes: column, before, after."""
    changed = [
        (name, *pair) for name, pair in zip(columns, row.diff or [], strict=False) if pair[0] != pair[1]
    ]
    return row.object_repr or "", changed


def _refusals(row: Any) -> list[tuple[str, str]]:
    """Return a row's faults: column, why."""
    named = [(name, why) for name, whys in row.field_specific_errors.items() for why in whys]
    return named + [("", why) for why in row.non_field_specific_errors]


class Pairs:
    """What a row changes, as pairs of texts: in place of the library's marked-up differences."""

    def __init__(self, resource: Sheet, instance: Any, new: bool) -> None:
        self.before = [] if new else self._texts(resource, instance)

    def compare_with(self, resource: Sheet, instance: Any) -> None:
        """Take what it is now."""
        self.after = self._texts(resource, instance)

    def as_html(self) -> list[tuple[str, str]]:
        """Return the pairs, column by column."""
        before = self.before or [""] * len(self.after)
        return list(zip(before, self.after, strict=True))

    def _texts(self, resource: Sheet, instance: Any) -> list[str]:
        return [str(field.export(instance)) for field in resource.get_import_fields()]


# --- A file between the two answers: kept for its own reader, for a day ----------------------------------


def _reader(request: HttpRequest) -> int:
    if request.user.pk is None:
        raise PermissionDenied
    return request.user.pk


def _folder(user_id: int) -> Path:
    folder: Path = settings.VAR_DIR / "sheets" / str(user_id)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _keep(data: bytes, *, user_id: int) -> str:
    for old in _folder(user_id).iterdir():
        if old.stat().st_mtime < time.time() - KEPT_SECONDS:
            old.unlink(missing_ok=True)
    name = secrets.token_hex(16)
    (_folder(user_id) / name).write_bytes(data)
    return name


def _kept(name: str, *, user_id: int) -> bytes | None:
    if not re.fullmatch("[0-9a-f]{32}", name):
        return None
    file = _folder(user_id) / name
    return file.read_bytes() if file.is_file() else None


def _forget(name: str, *, user_id: int) -> None:
    (_folder(user_id) / name).unlink(missing_ok=True)

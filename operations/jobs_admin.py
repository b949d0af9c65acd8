"""Jobs in admin: the schedule as it stands, and the runs that are kept."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin

from accounts.admin_lists import NewestPaginator
from operations.schedule import all_jobs
from operations.waking import wake


class JobRunAdmin(ModelAdmin):  # type: ignore[misc]
    """Periodic jobs: above, how each stands; below, the latest run of each and those that failed."""

    list_display = ("task", "outcome", "started_at", "ended_at", "error", "worker")
    list_filter = ("outcome",)
    search_fields = ("task",)
    show_full_result_count = False
    paginator = NewestPaginator
    list_before_template = "admin/operations/jobrun/jobs.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the address that has a job run now."""
        run = self.admin_site.admin_view(self.run_now)
        return [path("run/<str:name>/", run, name="operations_jobrun_run"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the schedule above the runs."""
        context = {
            "title": _("Jobs"),
            "jobs": all_jobs(),
            "may_run": self.has_run_permission(request),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)  # type: ignore[no-any-return]

    @method_decorator(require_POST)
    def run_now(self, request: HttpRequest, name: str) -> HttpResponse:
        """Have a worker run a job of the schedule."""
        if not self.has_run_permission(request):
            raise PermissionDenied
        entry = settings.CELERY_BEAT_SCHEDULE.get(name)
        if entry is None:
            raise Http404
        wake(entry["task"])
        said = gettext("The job was handed to the workers: %s. Its run is seen here once one begins it.")
        messages.success(request, said % entry["task"])
        return redirect(reverse("admin:operations_jobrun_changelist"))

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Let those run jobs who may change them."""
        return request.user.has_perm("operations.change_jobrun")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: workers write down what they run."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: old rows are swept by themselves."""
        return False

"""The site's own pages, its terms, and the button that dismisses an announcement."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.requests import UserRequest
from support import announcing, terms
from support.forms import TermsForm
from support.models import Page
from support.pages import may_change, page_for, reading_of
from support.rendering import render as rendered
from support.wording import words


@require_safe
def page(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a page of the site's own. Of the terms customers read what is in force, staff also the draft."""
    shows_draft = "draft" in request.GET and may_change(request.user)
    if slug == Page.TERMS and not shows_draft and terms.newest_version_id() is not None:
        return redirect("terms")
    found = page_for(request.user, slug=slug)
    if found is None:
        raise Http404
    context = {"page": found, "reading": reading_of(found), "is_draft": shows_draft and slug == Page.TERMS}
    return render(request, "support/page.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def accept_terms(request: HttpRequest) -> HttpResponse:
    """Show the terms that are in force, and let a customer who has not accepted them do so."""
    version = terms.newest_version()
    if version is None:
        raise Http404
    form = None
    if isinstance(request.user, User) and terms.needs_acceptance(request.user):
        form = TermsForm(request.POST if request.method == "POST" else None, version_id=version.pk)
        if form.is_bound and form.accept(request.user):
            return _onward(request)
    elif request.method == "POST":
        return _onward(request)  # accepted before, in another window
    text = words(version, "text")
    context = {
        "version": version,
        "html": rendered(text.text),
        "text_language": text.language,
        "form": form,
        "next": _next_page(request),
    }
    return render(request, "support/terms.html", context, status=422 if form and form.errors else 200)


@login_required
@require_POST
def dismiss(request: UserRequest, announcement_id: int) -> HttpResponse:
    """Show an announcement no more; htmx takes it off the page, else the page comes again without it."""
    if not announcing.dismiss(request.user, announcement_id=announcement_id):
        raise Http404
    return HttpResponse() if request.htmx else _onward(request)  # type: ignore[attr-defined]


def _onward(request: HttpRequest) -> HttpResponse:
    # Not by `redirect`, which takes a word for a page's name.
    return HttpResponseRedirect(_next_page(request))


def _next_page(request: HttpRequest) -> str:
    """Return where the reader was going: an address of this site, else its first page."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours else reverse("home")

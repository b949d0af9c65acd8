"""The customer's own page."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.forms import NameForm
from accounts.requests import UserRequest


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: UserRequest) -> HttpResponse:
    """Show who the customer is here, and let them change their name."""
    form = NameForm(request.POST if request.method == "POST" else None, instance=request.user)
    if form.is_valid():
        form.save_name()
        messages.success(request, _("Your name is saved."))
        return redirect("account")
    return render(request, "accounts/account.html", {"form": form})

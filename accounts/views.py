"""The customer's own page, and the end of a look at it by staff."""

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from hijack.views import ReleaseUserView

from accounts import hijacking
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


@require_POST
def end_look(request: HttpRequest) -> HttpResponse:
    """End a look at a customer's pages: the session is the member of staff's again, if it may be."""
    look = hijacking.look_of(request.session)
    if look is None:
        return redirect("home")
    if hijacking.operator_to_return_to(look) is None:
        return leave_look(request, look)
    hijacking.record_end(look)
    ReleaseUserView.as_view()(request)
    return redirect("admin:accounts_user_change", look.customer_id)


def leave_look(request: HttpRequest, look: hijacking.Look) -> HttpResponse:
    """End a look whose time is up, or that leads back to nobody: the session is nobody's."""
    hijacking.record_end(look)
    logout(request)
    messages.info(request, _("The look at the customer's pages has ended. Sign in again."))
    return redirect("account_login")

"""The wallet's page."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.requests import UserRequest, row_id
from wallet.statement import balance_of, statement

LINES = 50


@login_required
@require_safe
def wallet(request: UserRequest) -> HttpResponse:
    """Show the balance and the statement, newest first."""
    before = row_id(request, "before")
    lines = statement(request.user, before=before, limit=LINES)
    context = {
        "balance": balance_of(request.user),
        "lines": lines,
        "newest": before is not None,
        "older": lines[-1].entry_id if len(lines) == LINES else None,
    }
    return render(request, "wallet/wallet.html", context)

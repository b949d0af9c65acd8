"""What every page knows of the reader's wallet."""

from functools import partial

from django.http import HttpRequest

from wallet.statement import balance_of


def balance(request: HttpRequest) -> dict[str, object]:
    """Return a signed-in customer's balance, asked for only by a page that shows it.

    A view that hands its own `balance` to the template spares the query.
    """
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    return {"balance": partial(balance_of, user)}

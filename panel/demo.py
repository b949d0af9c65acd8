"""Demo data: an operator, a customer with money, a provider to try things on, and a few orders."""

import json
import os
import secrets
import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from allauth.account.models import EmailAddress
from django.conf import settings

from accounts.models import User
from catalog.balances import refresh_balance
from catalog.models import ON_SALE, Provider, Service, SyncRun
from catalog.providers import save_provider
from catalog.syncing import sync_catalog
from money.amounts import charge_for
from orders.placing import place_order
from wallet import ledger
from wallet.errors import AlreadyMoved
from wallet.statement import balance_of

OPERATOR = "operator@example.com"
CUSTOMER = "customer@example.com"
PROVIDER = "Sandbox"
USUAL_URL = "http://127.0.0.1:9000/api/v2"
USUAL_KEY = "sandbox-key"
WELCOME = Decimal(1000)
ORDERS = 3
SPENT = Decimal(40)


@dataclass(frozen=True, slots=True)
class Login:
    """How to log in as somebody of the demo."""

    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo consists of; `run` is the last copy of its provider's catalogue."""

    customer: Login
    operator: Login
    run: SyncRun


def load_demo(*, url: str = "", key: str = "", wait_seconds: float = 0.0) -> Demo:
    """Make what is missing of the demo data; a second call changes nothing that people did since.

    `url` and `key` are the sandbox provider's, which is waited for at most `wait_seconds`; without them a
    provider that is there stays as it is, and a new one is where `manage.py sandbox_provider` listens.
    """
    customer, operator = _login(CUSTOMER), _login(OPERATOR, is_operator=True)
    provider = _provider(url=url, key=key)
    run = _copied(provider, wait_seconds=wait_seconds)
    refresh_balance(provider)
    buyer = User.objects.get(email=CUSTOMER)
    _welcome(buyer)
    if not buyer.orders.exists():
        _place_orders(buyer, provider)
    return Demo(customer=customer, operator=operator, run=run)


def _login(email: str, *, is_operator: bool = False) -> Login:
    """Return a login, made at the first call with a random password, which is kept in VAR_DIR.

    Nobody's demo has a password that everybody knows, be it reachable from elsewhere by mistake.
    """
    user = User.objects.filter(email=email).first()
    password = _kept_passwords().get(email, "")
    if user is None:
        user = User.objects.create_user(email, is_staff=is_operator, is_superuser=is_operator)
        EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    if not password:
        password = secrets.token_urlsafe(9)
        user.set_password(password)
        user.save(update_fields=["password"])
        _keep_password(email, password)
    return Login(email=email, password=password)


def _file() -> Path:
    return Path(settings.VAR_DIR) / "demo_logins.json"


def _kept_passwords() -> dict[str, str]:
    return dict(json.loads(_file().read_text())) if _file().exists() else {}


def _keep_password(email: str, password: str) -> None:
    kept = _kept_passwords() | {email: password}
    with open(_file(), "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        json.dump(kept, file)


def _provider(*, url: str, key: str) -> Provider:
    known = Provider.objects.filter(name=PROVIDER).first()
    provider = known or Provider(name=PROVIDER, currency=settings.SITE_CURRENCY, url=USUAL_URL)
    provider.url = url or provider.url
    save_provider(provider, key=key or (None if known else USUAL_KEY))
    return Provider.objects.get(pk=provider.pk)


def _copied(provider: Provider, *, wait_seconds: float) -> SyncRun:
    ends_at = time.monotonic() + wait_seconds
    while True:
        run = sync_catalog(provider)
        if run.outcome != SyncRun.Outcome.FAILED or time.monotonic() >= ends_at:
            return run
        time.sleep(0.5)


def _welcome(buyer: User) -> None:
    try:
        ledger.adjust(buyer, amount=WELCOME, reference="demo:welcome", note="Welcome")
    except AlreadyMoved:
        return


def _place_orders(buyer: User, provider: Provider) -> None:
    services = Service.objects.filter(ON_SALE, provider=provider).order_by("price", "pk")[20:200:50]
    for number, service in enumerate(list(services)[:ORDERS], start=1):
        quantity = _quantity(service)
        if quantity is not None and charge_for(service.price or Decimal(0), quantity) <= balance_of(buyer):
            place_order(
                buyer,
                service_id=service.pk,
                link=f"https://example.com/demo/{number}",
                quantity=quantity,
                request_id=f"demo-order-{number}",
            )


def _quantity(service: Service) -> int | None:
    """Return how much of a service costs about `SPENT`, within its bounds."""
    if not service.price:
        return None
    return min(max(int(SPENT * 1000 / service.price), service.min_quantity), service.max_quantity)

"""What customers may do next."""

from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.stateful import initialize, multiple, rule

from orders import canceling
from orders.duplicates import open_orders
from orders.errors import (
    DuplicateLink,
    NotCancelable,
    QuantityOutOfBounds,
    RequestIdReused,
    ServiceNotSold,
)
from orders.models import Order
from orders.placing import place_order, quote
from tests.factories import LINK
from tests.interrupting import Died, dying
from tests.orders.life_machine import Life, deaths, links, orders, people, quantities, wares
from wallet.errors import InsufficientFunds

Status = Order.Status


class Customers(Life):
    """They top up, place, place again what they asked for, and cancel."""

    @initialize(target=orders, first=wares, second=wares)
    def begin(self, first: int, second: int) -> object:
        wanted = [(0, first, LINK), (1, second, f"{LINK}/2"), (0, 0, f"{LINK}/3"), (1, 2, f"{LINK}/3")]
        placed = [self.place_one(who, ware, 1000, link) for who, ware, link in wanted]
        return multiple(*[order_id for order_id in placed if order_id])

    @rule(who=people, amount=st.sampled_from(["0.000001", "13", "1000"]))
    def top_up(self, who: int, amount: str) -> None:
        self.earn(self.cast.customers[who], Decimal(amount))

    @rule(
        target=orders,
        who=people,
        ware=wares,
        quantity=quantities,
        link=links,
        agreed=st.booleans(),
        dies=deaths,
    )
    def place(self, who: int, ware: int, quantity: int, link: str, agreed: bool, dies: int | None) -> object:
        order_id = self.place_one(who, ware, quantity, link, agreed=agreed, dies=dies)
        return multiple(*[order_id] if order_id else [])

    def place_one(
        self, who: int, ware: int, quantity: int, link: str, *, agreed: bool = True, dies: int | None = None
    ) -> int | None:
        customer, service = self.cast.customers[who], self.cast.services[ware]
        holds = self.books.holds(customer.pk)
        try:
            with dying(dies):
                order = place_order(
                    customer,
                    service_id=service.pk,
                    link=link,
                    quantity=quantity,
                    request_id=f"request {self.next_number()}",
                    duplicate_agreed=agreed,
                )
        except Died:
            return None
        except InsufficientFunds:
            assert quote(service.pk, quantity=quantity).charge > holds
            return None
        except DuplicateLink:
            assert open_orders(service_id=service.pk, link=link).exists()
            return None
        except (ServiceNotSold, QuantityOutOfBounds):
            return None
        assert order.charge <= holds
        self.books.placed.add(order.pk)
        return order.pk

    @rule(order_id=orders, more=st.integers(0, 1), dies=deaths)
    def place_again(self, order_id: int, more: int, dies: int | None) -> None:
        order = Order.objects.get(pk=order_id)
        try:
            with dying(dies):
                again = place_order(
                    order.customer,
                    service_id=order.service_id,
                    link=order.link,
                    quantity=order.quantity + more,
                    request_id=order.request_id,
                )
            assert again == order
            assert not more
        except RequestIdReused:
            assert more
        except Died:
            pass

    @rule(order_id=orders, by_staff=st.booleans(), dies=deaths)
    def want_cancel(self, order_id: int, by_staff: bool, dies: int | None) -> None:
        order = Order.objects.get(pk=order_id)
        actor = self.cast.operator if by_staff else order.customer
        try:
            with dying(dies):
                after = canceling.request_cancel(order_id, actor=actor)
        except NotCancelable:
            assert canceling.cancel_until(order) is None
        except Died:
            pass
        else:
            assert not order.is_ended
            assert (after.status == Status.CANCELED) == (order.status == Status.QUEUED)

"""Settling by hand what no machine can know: orders that are uncertain or held.

Each decision needs a reason, is written with who made it, and is conditional on the order still waiting for
one: of two people, or a person and a late answer, the first counts. `evidence` is the mark of what the person
was shown (`orders/evidence.py`): it is compared under the row's lock, so that nothing that became known
before the decision is passed over.
"""

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from operations.alerting import close_alerts
from operations.models import Alert
from operations.waking import wake
from orders.errors import EvidenceChanged, InvalidProviderId, NotForSettling, ProviderIdTaken
from orders.evidence import mark_of
from orders.life import Event, at_provider, locked, move
from orders.matching import lies_in, other_with
from orders.models import Attempt, LostAnswer, Order
from orders.outcomes import cancel_unsent
from orders.refunding import refund_up_to
from upstream.parsing import order_id_text


def settle_placed(
    order_id: int, *, provider_order_id: str, actor: User, why: str, evidence: str | None = None
) -> Order:
    """Decide that the provider has the order, under this id; it is polled from now on.

    Raises `NotForSettling`, `EvidenceChanged`, `InvalidProviderId`, and `ProviderIdTaken` when another order
    has this id, or a call for it is known to have placed it.
    """
    if not is_provider_id(provider_order_id):
        raise InvalidProviderId
    try:
        with transaction.atomic():
            order = _waiting(order_id, evidence=evidence)
            if other_with(provider_order_id, order=order) is not None:
                raise ProviderIdTaken
            attempt = _explain(order, provider_order_id)
            fields = at_provider(
                order, provider_order_id, sent_at=attempt.started_at if attempt else timezone.now()
            )
            move(order, to=Order.Status.PENDING, event=Event.SETTLED, actor=actor, detail=why, **fields)
            _close_alerts(order)
            # With its id explained, what was found beside it may be sure for another order.
            wake("orders.tasks.search_provider", order.provider_id)
    except IntegrityError as error:
        raise ProviderIdTaken from error
    return order


def is_provider_id(text: str) -> bool:
    """Tell whether a text is an id as a provider writes it: the same number in other digits is not."""
    # "01242" would be another row than "1242", while many providers answer for both with the same order.
    return order_id_text(text) == text and not (text.isdecimal() and text.startswith("0"))


def _explain(order: Order, provider_order_id: str) -> Attempt | None:
    """Write the id beside the call that placed it, so that it is not searched for any more; return that call.

    That is the one in whose window the id lies. Where several may be it, none is explained, and the latest is
    returned: with an id that is not its own, a call's order at the provider would be taken for somebody
    else's.
    """
    lost_answers = LostAnswer.objects.select_related("attempt").filter(
        attempt__order=order, attempt__outcome__in=Attempt.IN_DOUBT, attempt__provider_order_id=""
    )
    placed = [lost for lost in lost_answers if _may_have_placed(lost, provider_order_id)]
    if len(placed) != 1:
        return order.attempts.order_by("-id").first()
    Attempt.objects.filter(pk=placed[0].attempt_id).update(provider_order_id=provider_order_id)
    return placed[0].attempt


def _may_have_placed(lost: LostAnswer, provider_order_id: str) -> bool:
    return not provider_order_id.isdecimal() or lies_in(int(provider_order_id), lost)


@transaction.atomic
def settle_send_again(order_id: int, *, actor: User, why: str, evidence: str | None = None) -> Order:
    """Decide that the provider does not have the order: it is sent again, or canceled if its customer asked.

    Raises `NotForSettling` and `EvidenceChanged`.
    """
    order = _waiting(order_id, evidence=evidence)
    fields = {"reason": "", "due_at": timezone.now(), "waits": 0}
    move(order, to=Order.Status.QUEUED, event=Event.SETTLED, actor=actor, detail=why, **fields)
    if order.cancel_state == Order.CancelState.WANTED:
        cancel_unsent(order)  # its customer asked for it meanwhile, and now it is taken for not placed
    _close_alerts(order)
    wake("orders.tasks.forward_provider", order.provider_id)
    return order


@transaction.atomic
def settle_refund(order_id: int, *, actor: User, why: str, evidence: str | None = None) -> Order:
    """Decide to end the order and give all of its charge back.

    Raises `NotForSettling` and `EvidenceChanged`.
    """
    order = _waiting(order_id, evidence=evidence)
    fields = {"reason": "", "ended_at": timezone.now(), "due_at": None}
    move(order, to=Order.Status.CANCELED, event=Event.SETTLED, actor=actor, detail=why, **fields)
    refund_up_to(order, target=order.charge, actor=actor, why=why)
    _close_alerts(order)
    return order


def _waiting(order_id: int, *, evidence: str | None) -> Order:
    """Return an order that waits for a decision, its row held, with all that is known as it was seen."""
    order = locked(order_id)
    if order.status not in Order.FOR_A_PERSON:
        raise NotForSettling
    if evidence is not None and evidence != mark_of(order):
        raise EvidenceChanged
    return order


def _close_alerts(order: Order) -> None:
    for kind in (Alert.Kind.ORDER_UNCERTAIN, Alert.Kind.ORDER_HELD):
        close_alerts(kind, cause=f"order:{order.pk}")

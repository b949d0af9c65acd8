"""The list of orders that wait for a person, each with its evidence and what can be done about it."""

from collections.abc import Sequence

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from unfold.widgets import CHECKBOX_CLASSES, SELECT_CLASSES

from catalog.models import Provider
from orders.confirming import user_of
from orders.deciding import SendAgainForm, what_sending_again_does
from orders.errors import EvidenceChanged, NotForSettling
from orders.evidence import Evidence, evidence_for, lost_answers_of
from orders.models import LostAnswer, Order
from orders.settling import settle_send_again
from orders.settling_pages import SettlingPages
from orders.tracing import search_now
from wallet.admin import NewestPaginator, number_in

PER_PAGE = 20

COUNTED = 99
"""Up to how many are counted for the sidebar, which every page shows."""

SHOWN_FOUND = 5

CHOSEN = "chosen"
"""The name of the boxes by which orders are chosen."""


class WaitingPages(SettlingPages):
    """The list of what waits for a decision, and what is done from it, for the admin of orders."""

    def get_urls(self) -> list[URLPattern]:
        """Add the list, and the address that has an order searched for."""
        waiting = self.admin_site.admin_view(self.waiting_page)
        added = [path("waiting/", waiting, name="orders_order_waiting")]
        return [*added, *self._pages_of_an_order(search=self.search_again), *super().get_urls()]

    def waiting_page(self, request: HttpRequest) -> HttpResponse:
        """Show what waits for a decision, oldest first; a POST sends those chosen again."""
        if not self.has_work_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            return self._send_again(request)
        page = self._waiting(request)
        context = {
            "page": page,
            "evidences": evidence_for(list(page)),
            "providers": Provider.objects.order_by("name").values_list("pk", "name"),
            "statuses": [(status.value, status.label) for status in Order.Status if _waits(status)],
            "chosen": {name: request.GET.get(name, "") for name in ("provider", "status")},
            "can_teach": self.has_teach_permission(request),
            "checkbox_class": " ".join(CHECKBOX_CLASSES),
            "select_class": " ".join(SELECT_CLASSES),
        }
        return self._page(request, "waiting", title=gettext("Waiting for a decision"), **context)

    def search_again(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """Have an order searched for at its provider now, by a worker."""
        order = self._order(request, order_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        attempt_ids = lost_answers_of([order]).values_list("attempt", flat=True)
        begun = [attempt_id for attempt_id in attempt_ids if search_now(attempt_id)]
        if begun and order.status in Order.FOR_A_PERSON:
            said = gettext("Order %(id)s is searched for at %(provider)s as soon as it can be.")
            self.message_user(request, said % {"id": order.pk, "provider": order.provider})
        else:
            said = gettext("Order %(id)s: there is no lost answer to search for.")
            self.message_user(request, said % {"id": order.pk}, messages.ERROR)
        return redirect(_where_from(request))

    def _waiting(self, request: HttpRequest) -> "Page[Order]":
        orders = self._for_a_person(request)
        if provider := request.GET.get("provider", ""):
            orders = orders.filter(provider=number_in(provider))
        if request.GET.get("status", "") in Order.FOR_A_PERSON:
            orders = orders.filter(status=request.GET["status"])
        return NewestPaginator(orders.order_by("pk"), PER_PAGE).get_page(request.GET.get("page"))

    def _for_a_person(self, request: HttpRequest) -> QuerySet[Order]:
        waiting: QuerySet[Order] = self.get_queryset(request).filter(status__in=Order.FOR_A_PERSON)
        return waiting

    def _send_again(self, request: HttpRequest) -> HttpResponse:
        """Send again, of the orders chosen, those that are surely nowhere, and still as they were shown."""
        seen = _seen(request.POST.getlist(CHOSEN)[:PER_PAGE])
        evidences = evidence_for(list(self.get_queryset(request).filter(pk__in=seen).order_by("pk")))
        against = {each.order.pk: _against_sending(each, seen=seen[each.order.pk]) for each in evidences}
        nowhere = [evidence for evidence in evidences if not against[evidence.order.pk]]
        left_alone = [
            _left_alone(evidence.order, why) for evidence in evidences if (why := against[evidence.order.pk])
        ]
        form = SendAgainForm(request.POST if "confirmed" in request.POST else None)
        if nowhere and not form.is_valid():
            return self._confirm_send_again(request, form, nowhere, left_alone)
        for evidence in nowhere:
            self._send_one_again(request, evidence, why=form.cleaned_data["why"])
        for line in left_alone:
            self.message_user(request, line, messages.WARNING)
        if not evidences:
            self.message_user(request, gettext("Choose orders that wait for a decision."), messages.ERROR)
        return redirect(_list_as_narrowed(request))

    def _send_one_again(self, request: HttpRequest, evidence: Evidence, *, why: str) -> None:
        order = evidence.order
        try:
            settle_send_again(order.pk, actor=user_of(request), why=why, evidence=evidence.mark)
        except NotForSettling:
            order.refresh_from_db(fields=["status"])
            self.message_user(request, _left_alone(order, _waits_no_more(order)), messages.WARNING)
            return
        except EvidenceChanged:
            self.message_user(request, _left_alone(order, _changed()), messages.WARNING)
            return
        self.message_user(request, gettext("Order %(id)s is settled.") % {"id": order.pk})

    def _confirm_send_again(
        self, request: HttpRequest, form: SendAgainForm, nowhere: list[Evidence], left_alone: list[str]
    ) -> HttpResponse:
        does = [what_sending_again_does(evidence.order) for evidence in nowhere]
        doubt = gettext(
            "All ids among which they would be were asked about, and none was found. If the provider has "
            "one of them all the same, it is delivered twice, and you pay the provider twice."
        )
        return self._confirm(
            request,
            title=gettext("Send again"),
            lines=[*does, doubt, *left_alone],
            button=gettext("Yes, send again"),
            back=_list_as_narrowed(request),
            hidden=[(CHOSEN, f"{evidence.order.pk}:{evidence.mark}") for evidence in nowhere],
            form=form,
        )


def waiting_count() -> str:
    """Return how many orders wait for a decision, "" for none, and "99+" for more than is counted."""
    count = Order.objects.filter(status__in=Order.FOR_A_PERSON).order_by()[: COUNTED + 1].count()
    return f"{COUNTED}+" if count > COUNTED else str(count or "")


def _waits(status: str) -> bool:
    return status in Order.FOR_A_PERSON


def _seen(boxes: Sequence[str]) -> dict[int, str]:
    """Return the orders chosen, each with the mark of the evidence that stood beside its box.

    Carried from the list through the confirmation: a mark taken later would pass over what the person who
    decides never saw.
    """
    parts = (box.partition(":") for box in boxes)
    return {number_in(order_id): mark for order_id, _, mark in parts}


def _against_sending(evidence: Evidence, *, seen: str) -> str:
    """Return why an order is not sent again together with others; "" for one that is surely nowhere.

    Its every lost answer was searched for in full, nothing was found, and nothing speaks for its having been
    placed; and all that is as its mark `seen` says.
    """
    if evidence.order.status not in Order.FOR_A_PERSON:
        return _waits_no_more(evidence.order)
    unfinished = [search.lost for search in evidence.searches if not search.found_nothing]
    reasons = (
        (bool(evidence.found), _found(evidence)),
        (
            evidence.speaks_for_placed,
            gettext("a later answer, or the money, speaks for its having been placed"),
        ),
        (not evidence.searches, gettext("it was never searched for at the provider")),
        (
            any(search.is_of_another_account for search in evidence.searches),
            str(LostAnswer.Why.ANOTHER_ACCOUNT.label),
        ),
        (bool(unfinished), _not_whole(unfinished)),
        (evidence.mark != seen, _changed()),
    )
    return next((text for applies, text in reasons if applies), "")


def _found(evidence: Evidence) -> str:
    numbers = ", ".join(str(candidate.number) for candidate in evidence.found[:SHOWN_FOUND])
    return gettext("the search found what may be it: %(ids)s") % {"ids": numbers}


def _not_whole(unfinished: Sequence[LostAnswer]) -> str:
    states = ", ".join(sorted({str(lost.get_state_display()) for lost in unfinished}))
    return gettext("it was not searched for in full (%(states)s)") % {"states": states}


def _waits_no_more(order: Order) -> str:
    return gettext("it does not wait for a decision, it is now: %(status)s") % {
        "status": order.get_status_display()
    }


def _changed() -> str:
    return gettext("something changed since you opened the page")


def _left_alone(order: Order, why: str) -> str:
    return gettext("Order %(id)s is left alone: %(why)s.") % {"id": order.pk, "why": why}


def _list_as_narrowed(request: HttpRequest) -> str:
    """Return the list as it was narrowed, and the page of it: what is chosen is posted to that address."""
    query = request.GET.urlencode()
    return reverse("admin:orders_order_waiting") + (f"?{query}" if query else "")


def _where_from(request: HttpRequest) -> str:
    """Return the page of ours that a form names, so that a search leads back to where it was asked for."""
    address = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(address, allowed_hosts=None):
        return address
    return reverse("admin:orders_order_waiting")

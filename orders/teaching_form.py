"""The form by which an operator teaches a held order's text a class."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget

from accounts.models import User
from catalog.models import TaughtText
from catalog.teaching import TeachingError, check, explain, teach
from money.display import shown
from orders.models import Order
from orders.teaching import Held, words_of_held, would_settle
from upstream.taught import says, taught_form, with_open_numbers

Meaning = TaughtText.Meaning

MEANINGS = (
    (Meaning.REFUSED, gettext_lazy("Refused: refund")),
    (Meaning.LATER, gettext_lazy("Later: send again")),
    (Meaning.HALT, gettext_lazy("Halt: stop the provider")),
    (Meaning.UNCERTAIN, gettext_lazy("Uncertain: a person settles")),
)
"""Short enough for a phone, where unfold cuts what is longer."""

EXPLAINED = (
    gettext_lazy("Refused: not placed. The order ends, and its whole charge goes back."),
    gettext_lazy("Later: not placed. The order is sent again after a while, and stays paid."),
    gettext_lazy(
        "Halt: not placed. Nothing is sent to the provider until you let it go on. Orders wait, and stay "
        "paid."
    ),
    gettext_lazy("Uncertain: it may have been placed. No money moves until a person settles each order."),
)


class TeachForm(forms.Form):
    """The part of an order's text that tells, and what it means."""

    explained = EXPLAINED

    text = forms.CharField(
        label=gettext_lazy("Text"),
        max_length=1000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=gettext_lazy(
            "Leave out what is about this order alone. # stands for any number; write the number itself "
            "where it matters, as in a code."
        ),
    )
    meaning = forms.ChoiceField(
        label=gettext_lazy("Means"),
        choices=MEANINGS,
        widget=UnfoldAdminRadioSelectWidget(choices=MEANINGS),
    )

    def __init__(self, data: Any = None, *, order: Order) -> None:
        self.order, self.words = order, words_of_held(order)
        super().__init__(data, initial={"text": with_open_numbers(self.words)})

    def clean(self) -> dict[str, Any]:
        """Refuse what is not said of this order, and what cannot be taught."""
        data = super().clean() or {}
        text, meaning = data.get("text"), data.get("meaning")
        if text and not says(self.words, taught_form(text)):
            self.add_error("text", _("This is not in what the provider said. Leave words out, and add none."))
        elif text and meaning:
            try:
                data["text"] = check(self.order.provider, text=text, meaning=meaning)
            except TeachingError as error:
                self.add_error("text", explain(error))
        return data

    def consequences(self) -> list[str]:
        """Return what teaching would do to orders and to money, in the language of the page."""
        proposed = TaughtText(
            provider=self.order.provider,
            text=self.cleaned_data["text"],
            meaning=self.cleaned_data["meaning"],
        )
        words = {"provider": self.order.provider, "text": proposed.text}
        return [
            _("“%(text)s” is known from now on, whenever %(provider)s says it.") % words,
            *_what_happens(Meaning(proposed.meaning), would_settle(proposed), words),
        ]

    def teach(self, actor: User) -> bool:
        """Carry it out; False, with an error beside the text, when it cannot be taught any more."""
        data = self.cleaned_data
        try:
            teach(self.order.provider, text=data["text"], meaning=data["meaning"], actor=actor)
        except TeachingError as error:
            self.add_error("text", explain(error))
            return False
        return True


def _what_happens(meaning: Meaning, found: list[Held], words: dict[str, Any]) -> list[str]:
    orders = [held for held in found if not held.is_for_a_person and not held.waits_for_search]
    waiting = sum(held.waits_for_search for held in found)
    left = len(found) - len(orders) - waiting
    lines = _to_orders(meaning, orders, words)
    return [*lines, *([_searched_for(waiting)] if waiting else []), *([_left_alone(left)] if left else [])]


def _searched_for(count: int) -> str:
    said = ngettext(
        "%(count)s held order is still searched for at the provider: it stays held until that is done, for "
        "ten minutes at most, and is settled by itself then.",
        "%(count)s held orders are still searched for at the provider: they stay held until that is done, "
        "for ten minutes at most, and are settled by themselves then.",
        count,
    )
    return said % {"count": count}


def _left_alone(count: int) -> str:
    said = ngettext(
        "%(count)s held order stays so: an order that may be it was found at the provider. Settle it alone.",
        "%(count)s held orders stay so: orders that may be they were found at the provider. Settle each "
        "alone.",
        count,
    )
    return said % {"count": count}


def _to_orders(meaning: Meaning, orders: list[Held], words: dict[str, Any]) -> list[str]:
    if not orders:
        return [_("No held order is settled by this now.")]
    count, charge = len(orders), shown(_sum_of(orders))
    words = words | {"count": count, "charge": charge}
    if meaning == Meaning.REFUSED:
        return [
            ngettext(
                "%(count)s held order ends as canceled, and %(charge)s go back to its customer.",
                "%(count)s held orders end as canceled, and %(charge)s go back to their customers.",
                count,
            )
            % words,
            _("If %(provider)s has one of them after all, it is delivered, and you pay for it.") % words,
        ]
    if meaning == Meaning.UNCERTAIN:
        return [
            ngettext(
                "%(count)s held order becomes uncertain: a person settles it. %(charge)s stay as they are.",
                "%(count)s held orders become uncertain: a person settles each. %(charge)s stay as they are.",
                count,
            )
            % words
        ]
    return [*_queued(meaning, words), *_canceled_on_the_way(orders)]


def _queued(meaning: Meaning, words: dict[str, Any]) -> list[str]:
    sent_again = ngettext(
        "%(count)s held order waits to be sent again. %(charge)s stay paid, nothing is charged anew.",
        "%(count)s held orders wait to be sent again. %(charge)s stay paid, nothing is charged anew.",
        words["count"],
    )
    twice = _("If %(provider)s has one of them already, it is delivered twice, and you pay for both.")
    halted = _("%(provider)s is halted until you let it go on.")
    lines = [halted, sent_again, twice] if meaning == Meaning.HALT else [sent_again, twice]
    return [line % words for line in lines]


def _canceled_on_the_way(orders: list[Held]) -> list[str]:
    wanted = [held for held in orders if held.cancel_wanted]
    if not wanted:
        return []
    said = ngettext(
        "%(count)s of them is canceled instead, since its customer asked: %(charge)s go back.",
        "%(count)s of them are canceled instead, since their customers asked: %(charge)s go back.",
        len(wanted),
    )
    return [said % {"count": len(wanted), "charge": shown(_sum_of(wanted))}]


def _sum_of(orders: list[Held]) -> Decimal:
    return sum((held.charge for held in orders), Decimal(0))

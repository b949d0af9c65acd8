"""Price rules, previews and the steps to a price in words, for admin's pages."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext

from catalog.models import ExchangeRate, PriceRule
from catalog.previewing import Preview
from catalog.rules import Steps
from money.amounts import round_cost
from money.display import plain, shown

Line = tuple[str, str]
Table = dict[str, Any]


def whom_of(rule: PriceRule) -> str:
    """Say for whom a rule is."""
    if rule.customer is not None:
        return str(rule.customer)
    if rule.group is not None:
        return gettext("group %(name)s") % {"name": rule.group}
    return gettext("everybody")


def what_of(rule: PriceRule) -> str:
    """Say which services a rule speaks of."""
    one = rule.service or rule.category or rule.provider
    return rule.get_scope_display() if one is None else f"{rule.get_scope_display()}: {one}"


def terms_of(rule: PriceRule) -> str:
    """Say in short how a rule makes a price."""
    if rule.fixed_price is not None:
        return gettext("%(price)s by hand") % {"price": shown(rule.fixed_price)}
    parts = [percent_of(rule.percent)]
    if rule.amount:
        parts.append(f"+{shown(rule.amount)}")
    if rule.min_margin_percent:
        least = percent_of(rule.min_margin_percent)
        parts.append(gettext("at least %(percent)s of the cost") % {"percent": least})
    if rule.step is not None:
        parts.append(gettext("rounded up to %(step)s") % {"step": shown(rule.step)})
    return ", ".join(parts)


def percent_of(percent: Decimal) -> str:
    """Return a change in percent with its sign: +30 %, −5.5 %."""
    digits = f"{abs(percent):f}"
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return f"{'−' if percent < 0 else '+'}{digits}\u00a0%"


def price_or_none(price: Decimal | None) -> str:
    """Return a price, or that there is none."""
    return gettext("not sold") if price is None else shown(price)


def summary_of(would: Preview) -> list[str]:
    """Say what a change of rules would do, in sentences."""
    of = ngettext(
        "%(changed)s of the %(count)s service it speaks of gets another price.",
        "%(changed)s of the %(count)s services it speaks of get another price.",
        would.services,
    )
    lines = [of % {"changed": would.changed, "count": would.services}]
    if would.least_percent is not None and would.greatest_percent is not None:
        least, greatest = percent_of(would.least_percent), percent_of(would.greatest_percent)
        text = gettext("Prices change by %(least)s to %(greatest)s.")
        lines.append(text % {"least": least, "greatest": greatest})
    lines.append(gettext("Orders that are placed keep their price."))
    return lines


def table_of(would: Preview) -> Table:
    """Return the services that change first, with both prices."""
    rows = [
        [
            link_to(row.service_id, row.name),
            price_or_none(row.old),
            price_or_none(row.new),
            "—" if row.percent is None else percent_of(row.percent),
        ]
        for row in would.rows
    ]
    headers = [gettext("Service"), gettext("Price now"), gettext("Price then"), gettext("Difference")]
    return {"headers": headers, "rows": rows}


def losing_table(would: Preview) -> Table:
    """Return the services that would be sold below their cost."""
    rows = [
        [link_to(one.service_id, one.name), shown(round_cost(one.cost)), shown(round_cost(one.by_rule))]
        for one in would.losing
    ]
    return {"headers": [gettext("Service"), gettext("Cost"), gettext("Price then")], "rows": rows}


def link_to(service_id: int, name: str) -> str:
    """Return a link to a service in admin."""
    return format_html(
        '<a href="{}" class="text-primary-600 dark:text-primary-500">{} · {}</a>',
        reverse("admin:catalog_service_change", args=[service_id]),
        service_id,
        name,
    )


def explain_steps(steps: Steps, *, cost: str, rate: ExchangeRate | None) -> Iterable[Line]:
    """Yield how a price came about, step by step: what the step is, and its figure."""
    rule = steps.rule
    yield gettext("Cost per 1000"), cost
    if rate is not None:
        dated = gettext("%(rate)s of %(day)s (%(source)s)")
        day, source = date_format(rate.as_of, "SHORT_DATE_FORMAT"), rate.get_source_display()
        yield gettext("Exchange rate"), dated % {"rate": rate, "day": day, "source": source}
        yield gettext("Cost here"), _fine(steps.cost_here)
    if rule.fixed_price is not None:
        yield gettext("Price by hand"), shown(rule.fixed_price)
    else:
        yield gettext("Markup"), percent_of(rule.percent)
        if rule.amount:
            yield gettext("Plus a fixed amount"), shown(rule.amount)
        yield gettext("By the rule"), _fine(steps.by_rule)
    least = percent_of(rule.min_margin_percent)
    yield gettext("Not below: cost and a margin of %(percent)s") % {"percent": least}, _fine(steps.floor)
    if rule.fixed_price is None:
        step = gettext("0.00001, half up") if rule.step is None else shown(rule.step)
        yield gettext("Rounded to"), step
    yield gettext("Price"), _result(steps)


def _result(steps: Steps) -> str:
    if steps.stops:
        return gettext("not sold: the rule is below the cost")
    if steps.price is None:
        return gettext("not sold: more than can be kept")
    return shown(steps.price)


def _fine(amount: Decimal) -> str:
    """Return what may have more places than money is kept with, to six of them."""
    return f"{plain(round_cost(amount))}\u00a0{settings.SITE_CURRENCY}"

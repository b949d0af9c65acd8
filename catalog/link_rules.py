"""Which links orders are taken for: the rule of a service, of its category, or of the site.

The most particular rule alone counts. Nothing here grows faster than a link and a rule are long: a pattern is
matched piece by piece, each from where the last one ended, and never anew.
"""

from django.db.models import Q

from catalog.link_form import Link, normal_host, normal_path
from catalog.models import LinkRule, Service


def rule_for(service_id: int) -> LinkRule | None:
    """Return the rule that links of a service's orders keep to; None where there is none. One query."""
    # By a query of the service: its number is a customer's text, and may be longer than any column's.
    its = Service.objects.filter(pk=service_id)
    of_it = Q(service__in=its.values("pk")) | Q(category__in=its.values("category"))
    rules = LinkRule.objects.filter(of_it | Q(is_of_site=True))
    return min(rules, key=_reach, default=None)


def _reach(rule: LinkRule) -> int:
    """Return how much a rule speaks of: least for one service, most for the whole site."""
    if rule.service_id is not None:
        return 0
    return 1 if rule.category_id is not None else 2


def takes(rule: LinkRule, link: Link) -> bool:
    """Return whether a link is of a host and has a path that the rule names; it may name none of either."""
    hosts, patterns = lines(rule.hosts), lines(rule.patterns)
    return (not hosts or any(_is_of(link.host, normal_host(host)) for host in hosts)) and (
        not patterns or any(_fits(link.path, normal_path(pattern)) for pattern in patterns)
    )


def kept_form(rule: LinkRule | None, link: Link) -> str:
    """Return the text of a link that is kept and sent."""
    return str(link.without_query() if rule is not None and rule.drops_query else link)


def lines(text: str) -> list[str]:
    """Return what a rule lists: a line each, empty ones left out."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def _is_of(host: str, named: str) -> bool:
    return host == named or host.endswith(f".{named}")


def _fits(path: str, pattern: str) -> bool:
    """Return whether a whole path is what a pattern says, "*" being anything, nothing too."""
    first, *rest = pattern.split("*")
    if not rest:
        return path == pattern
    *middle, last = rest
    if not path.startswith(first):
        return False
    at = len(first)
    for piece in middle:
        # The earliest place leaves the most for the pieces that follow: no other one needs trying.
        found = path.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(path) - at >= len(last) and path.endswith(last)

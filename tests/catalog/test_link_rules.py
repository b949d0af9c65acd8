"""Rules of links: which one counts, and what it takes."""

import time
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from catalog.link_form import normal_form
from catalog.link_rules import kept_form, rule_for, takes
from catalog.models import Category, LinkRule, Service
from tests.factories import make_service


def rule(hosts: str = "", patterns: str = "") -> LinkRule:
    return LinkRule(hosts=hosts, patterns=patterns)


def is_taken(link: str, **lists: str) -> bool:
    return takes(rule(**lists), normal_form(link))


# --- Whose rule -------------------------------------------------------------------------------------------


@pytest.fixture
def service(db: None) -> Service:
    return make_service(category="YouTube")


@pytest.mark.parametrize(
    ("there", "counts"),
    [
        ("", None),
        ("site", "site"),
        ("site category", "category"),
        ("site category service", "service"),
        ("site service", "service"),
        ("category service", "service"),
        ("category", "category"),
    ],
)
def test_the_most_particular_rule_counts(service: Service, there: str, counts: str | None) -> None:
    other = make_service(service.provider, category="VK")
    of_what: dict[str, dict[str, Any]] = {
        "site": {},
        "category": {"category": service.category},
        "service": {"service": service},
    }
    LinkRule.objects.create(category=other.category, example="another category's")
    LinkRule.objects.create(service=make_service(service.provider), example="another service's")
    for name in there.split():
        LinkRule.objects.create(example=name, **of_what[name])

    found = rule_for(service.pk)

    assert (found.example if found else None) == counts


def test_of_a_service_that_is_none_the_sites_rule_counts(service: Service) -> None:
    LinkRule.objects.create(category=service.category)
    assert rule_for(service.pk + 1) is None
    of_site = LinkRule.objects.create()
    assert rule_for(service.pk + 1) == of_site


def test_one_query_whatever_there_is(service: Service, django_assert_num_queries: Any) -> None:
    for size in (10, 190):
        for number in range(size):
            category = Category.objects.create(name=f"{size} {number}")
            LinkRule.objects.create(category=category)
        with django_assert_num_queries(1):
            assert rule_for(service.pk) is None


def test_the_database_keeps_one_rule_for_each(service: Service) -> None:
    for of_what in ({}, {"service": service}, {"category": service.category}):
        LinkRule.objects.create(**of_what)
        with pytest.raises(IntegrityError), transaction.atomic():
            LinkRule.objects.create(**of_what)
    LinkRule.objects.all().delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        LinkRule.objects.create(service=service, category=service.category)


# --- What it takes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "taken"),
    [
        ("instagram.com", True),
        ("www.instagram.com", True),
        ("a.b.instagram.com", True),
        ("INSTAGRAM.COM.", True),
        ("youtu.be", True),
        ("notinstagram.com", False),
        ("instagram.com.evil.example", False),
        ("example.com", False),
        ("xn--e1afmkfd.xn--p1ai", True),
        ("пример.рф", True),
    ],
)
def test_hosts_and_their_subdomains(host: str, taken: bool) -> None:
    hosts = " Instagram.com \n\nyoutu.be.\r\nпример.рф"
    assert is_taken(f"https://{host}/x", hosts=hosts) == taken


@pytest.mark.parametrize(
    ("pattern", "path", "taken"),
    [
        ("/p/*", "/p/abc/", True),
        ("/p/*", "/p/", True),
        ("/p/*", "/p", False),
        ("/p/*", "/P/abc", False),
        ("/p/*", "/a/p/abc", False),
        ("/*/video/*", "/@name/video/1?x=/photo/", True),
        ("/*/video/*", "/video/1", False),
        ("/*/video/*", "/video/video/1", True),
        ("/watch", "/watch?v=1", True),
        ("/watch", "/watch/", False),
        ("/*", "/whatever", True),
        ("/a*a", "/a", False),
        ("/a*a", "/aa", True),
        ("/*ab*ab", "/abab", True),
        ("/*ab*ab", "/ab", False),
        ("/*a*", "/b", False),
        ("/.*", "/x", False),
        ("/я/*", "/я/1", True),
        ("/я/*", "/%d1%8f/1", True),
        ("/%70/*", "/p/1", True),
        ("/**", "/x", True),
    ],
)
def test_patterns_of_the_whole_path(pattern: str, path: str, taken: bool) -> None:
    assert is_taken(f"https://example.com{path}", patterns=pattern) == taken


def test_both_are_demanded_and_one_of_each_is_enough() -> None:
    lists = {"hosts": "a.com\nb.com", "patterns": "/x/*\n/y/*"}
    assert is_taken("https://b.com/y/1", **lists)
    assert not is_taken("https://b.com/z/1", **lists)
    assert not is_taken("https://c.com/y/1", **lists)


def test_a_rule_without_lists_takes_everything() -> None:
    assert is_taken("https://whatever.example/x")


def test_what_is_kept_of_a_link() -> None:
    link = normal_form("https://example.com/p?utm=1")
    assert kept_form(None, link) == kept_form(LinkRule(), link) == "https://example.com/p?utm=1"
    assert kept_form(LinkRule(drops_query=True), link) == "https://example.com/p"


PIECES = st.text(alphabet="ab/", max_size=8)


@given(st.text(alphabet="ab*", max_size=8), PIECES)
def test_a_pattern_takes_what_it_says(pattern: str, path: str) -> None:
    def says(pattern: str, path: str) -> bool:
        if not pattern:
            return not path
        if pattern[0] == "*":
            return says(pattern[1:], path) or (path != "" and says(pattern, path[1:]))
        return path[:1] == pattern[0] and says(pattern[1:], path[1:])

    assert is_taken(f"https://example.com/{path}", patterns=f"/{pattern}") == says(f"/{pattern}", f"/{path}")


def test_no_pattern_takes_long() -> None:
    link = normal_form("https://example.com/" + "a" * 2000)
    began = time.perf_counter()
    assert not takes(rule(patterns="/" + "*a" * 900 + "*b"), link)
    assert time.perf_counter() - began < 1

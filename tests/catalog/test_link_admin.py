"""Rules of links in admin."""

from typing import Any

import pytest

from catalog.models import LinkRule, Service
from tests.factories import make_service
from tests.pages import Browser, text

ADD = "/admin/catalog/linkrule/add/"


@pytest.fixture
def service(db: None) -> Service:
    return make_service()


def form(**fields: Any) -> dict[str, Any]:
    return {"category": "", "service": "", "hosts": "", "patterns": "", "example": ""} | fields


def refused(operator: Browser, **fields: Any) -> str:
    answer = operator.post(ADD, form(**fields), headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    return text(answer)


def test_a_rule_is_kept_in_the_form_of_links(operator: Browser, service: Service) -> None:
    operator.post(
        ADD,
        form(
            service=service.pk,
            hosts=" Instagram.com. \r\n\r\nпример.рф",
            patterns=" /p/* \r\n\r\n/reel/*",
            example="https://www.instagram.com/p/abc/",
        ),
    )

    rule = LinkRule.objects.get()
    assert rule.hosts == "instagram.com\nxn--e1afmkfd.xn--p1ai"
    assert rule.patterns == "/p/*\n/reel/*"
    assert (rule.service, rule.category, rule.is_of_site) == (service, None, False)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"hosts": "a.com\nhttps://b.com/"}, "“https://b.com/” is no host."),
        ({"hosts": "*.a.com"}, "“*.a.com” is no host."),
        ({"patterns": "p/*"}, "“p/*” is no path."),
        ({"patterns": "/watch?v=*"}, "“/watch?v=*” is no path."),
        ({"example": "instagram"}, "This is no link."),
        ({"hosts": "a.com", "example": "https://b.com/"}, "The rule refuses its own example."),
        ({"patterns": "/p/*", "example": "https://b.com/reel/1"}, "The rule refuses its own example."),
    ],
)
def test_what_is_refused_beside_its_field(operator: Browser, fields: dict[str, str], words: str) -> None:
    assert words in refused(operator, **fields)
    assert not LinkRule.objects.exists()


def test_one_rule_for_the_site_and_one_target_for_each(operator: Browser, service: Service) -> None:
    operator.post(ADD, form())
    assert LinkRule.objects.get().is_of_site

    assert "The whole site has a rule. Change that one." in refused(operator)
    both = refused(operator, service=service.pk, category=service.category_id)
    assert "Choose a category, or a service, or neither for the whole site." in both
    assert LinkRule.objects.count() == 1
    rule = LinkRule.objects.get()
    operator.post(f"/admin/catalog/linkrule/{rule.pk}/change/", form(hosts="a.com"))
    assert LinkRule.objects.get().hosts == "a.com"

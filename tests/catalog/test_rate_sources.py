"""Reading the banks' lists of exchange rates, over real sockets, and from hands that mean ill."""

import gzip
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import rate_sources
from catalog.rate_sources import NoRates, Quotes, fetch, read_cbr, read_ecb
from tests.upstream.scripted import ScriptedServer, answer, close, scripted_server

CBR = """<?xml version="1.0" encoding="windows-1251"?>
<ValCurs Date="25.11.2026" name="Foreign Currency Market">
<Valute ID="R01235"><NumCode>840</NumCode><CharCode>USD</CharCode><Nominal>1</Nominal><Name>Доллар США</Name>
<Value>80,5001</Value><VunitRate>80,5001</VunitRate></Valute>
<Valute ID="R01335"><NumCode>398</NumCode><CharCode>KZT</CharCode><Nominal>100</Nominal><Name>Тенге</Name>
<Value>15,4012</Value><VunitRate>0,154012</VunitRate></Valute>
<Valute ID="R01239"><NumCode>978</NumCode><CharCode>EUR</CharCode><Nominal>1</Nominal><Name>Евро</Name>
<Value>92,7</Value><VunitRate>92,7</VunitRate></Valute>
</ValCurs>""".encode("cp1251")

ECB = b"""<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
 xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
<gesmes:subject>Reference rates</gesmes:subject>
<gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>
<Cube><Cube time='2026-11-24'><Cube currency='USD' rate='1.25'/>
<Cube currency='JPY' rate='163.07'/></Cube></Cube>
</gesmes:Envelope>"""


@pytest.fixture
def bank(settings: Any) -> Iterator[ScriptedServer]:
    """A server in a bank's place; a test says what it answers."""
    with scripted_server(any=answer(CBR)) as server:
        settings.RATES_SOURCE, settings.RATES_URL = "cbr", server.url
        yield server


def test_the_bank_of_russia(bank: ScriptedServer) -> None:
    quotes = fetch()

    assert (quotes.source, quotes.as_of) == ("cbr", date(2026, 11, 25))
    assert quotes.rate("USD", "RUB") == Decimal("80.5001")
    assert quotes.rate("KZT", "RUB") == Decimal("0.154012")
    assert quotes.rate("RUB", "USD") == Decimal("0.01242235")  # 1 / 80.5001 is 0.012422344…
    assert quotes.rate("USD", "EUR") == Decimal("0.86839375")  # 0.868393743…
    assert (quotes.rate("GBP", "RUB"), quotes.rate("USD", "GBP")) == (None, None)
    assert [(call.method, call.target) for call in bank.calls] == [("GET", "/api/v2")]


def test_the_european_central_bank(settings: Any, bank: ScriptedServer) -> None:
    settings.RATES_SOURCE = "ecb"
    bank.script["any"] = answer(ECB)

    quotes = fetch()

    assert (quotes.source, quotes.as_of) == ("ecb", date(2026, 11, 24))
    assert quotes.rate("EUR", "USD") == Decimal("1.25")
    assert quotes.rate("USD", "EUR") == Decimal("0.8")
    assert quotes.rate("JPY", "USD") == Decimal("0.00766542")  # 1.25 / 163.07 is 0.007665419…


numbers = st.fractions(min_value=Fraction(1, 10**6), max_value=10**6)


@given(numbers, numbers)
def test_cross_rates_are_exact_and_rounded_up_once(value: Fraction, unit: Fraction) -> None:
    rate = Quotes("cbr", date(2026, 11, 25), {"USD": value, "EUR": unit}).rate("USD", "EUR")

    if rate is None:
        assert value / unit > 10**6 - 1
    else:
        assert 0 <= Fraction(rate) - value / unit < Fraction(1, 10**8)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (close, "no answer"),
        (answer(CBR, status=500), "it answered 500"),
        (answer(b"", status=302, headers={"Location": "http://127.0.0.1:9/"}), "it answered 302"),
        (answer(b"<html><body>busy"), "no XML"),
        (answer(b""), "no XML"),
        (answer(CBR[:300]), "no XML"),
        (answer(ECB), "no rates"),  # the other bank's
        (answer(b"<ValCurs Date='25.11.2026'/>"), "no rates"),
        (answer(CBR.replace(b"25.11.2026", b"2026-11-25")), "no date"),
        (answer(CBR.replace(b"80,5001</Value>", b"0</Value>")), "rate of nothing"),
        (answer(CBR.replace(b"80,5001</Value>", b"-1</Value>")), "no number"),
        (answer(CBR.replace(b"80,5001</Value>", b"1e9</Value>")), "no number"),
        (answer(CBR.replace(b"<Nominal>100<", b"<Nominal>0<")), "rate of nothing"),
        (answer(CBR.replace(b"<CharCode>USD<", b"<CharCode>usd<")), "without a name"),
        (answer(b"<a>" * 30), "nested"),
        (answer(b"x" * (rate_sources.MAX_BYTES + 1)), "more than"),
        (
            answer(gzip.compress(b" " * 20_000_000), headers={"Content-Encoding": "gzip"}),
            "more than",
        ),
    ],
)
def test_what_is_no_list_of_rates(bank: ScriptedServer, script: Any, why: str) -> None:
    bank.script["any"] = script

    with pytest.raises(NoRates, match=why):
        fetch()

    assert len(bank.calls) == 1


@pytest.mark.parametrize(
    "dtd",
    [
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        b'<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;">]>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">',
    ],
)
@pytest.mark.parametrize("read", [read_cbr, read_ecb])
def test_a_dtd_is_not_read(read: Any, dtd: bytes) -> None:
    with pytest.raises(NoRates, match="DTD"):
        read(dtd + b"<a>&x;</a>")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for read in (read_cbr, read_ecb):
        for text in (body, b"<?xml version='1.0'?><ValCurs Date='25.11.2026'>" + body + b"</ValCurs>"):
            with pytest.raises(NoRates):
                read(text)


def test_a_bank_that_says_nothing_costs_seconds(
    bank: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_sources, "READ_SECONDS", 0.3)
    bank.script["any"] = lambda _: time.sleep(2)
    began_at = time.monotonic()

    with pytest.raises(NoRates):
        fetch()

    assert time.monotonic() - began_at < 1.5


def test_nobody_listens(settings: Any) -> None:
    settings.RATES_SOURCE, settings.RATES_URL = "ecb", "http://127.0.0.1:9/"

    with pytest.raises(NoRates):
        fetch()

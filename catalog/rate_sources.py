"""Where exchange rates come from: the daily lists of the Bank of Russia and the European Central Bank.

Sources: https://www.cbr.ru/development/SXML/, https://www.ecb.europa.eu/stats/eurofxref/.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Context, Decimal
from fractions import Fraction
from xml.parsers import expat

from django.conf import settings
from django.utils.translation import gettext_noop

from catalog.fault_words import said
from operations.wording import Words
from upstream.cleaning import Secret
from upstream.transport import NoAnswer, NothingSent, Transport

MAX_BYTES = 1_000_000
CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0

RATE_STEP = Decimal("0.00000001")
MAX_RATE = Decimal(10) ** 6
"""What a rate is rounded to, and what it stays below (`ExchangeRate.rate`)."""

_NUMBER = re.compile(r"[0-9]{1,12}([.,][0-9]{1,12})?")
_CURRENCY = re.compile(r"[A-Z]{3}")


class NoRates(Exception):
    """Raised when a source gave no rates; `why` says it to people, and its text to logs."""

    def __init__(self, why: Words | str) -> None:
        super().__init__(str(why))
        self.why = why


@dataclass(frozen=True, slots=True)
class Quotes:
    """What one unit of each currency is worth in the source's own, exactly; its own is worth one."""

    source: str
    as_of: date
    values: Mapping[str, Fraction]

    def rate(self, currency: str, site_currency: str) -> Decimal | None:
        """Return what one of a currency is worth in the site's, by way of the source's own.

        Exact, and rounded up once to 0.00000001: a cost is never read as less than it is. None: the source
        does not know one of both, or the rate is beyond what is kept.
        """
        value, unit = self.values.get(currency), self.values.get(site_currency)
        if value is None or unit is None:
            return None
        exact = value / unit * 10**8
        rate = Decimal(-(-exact.numerator // exact.denominator)).scaleb(-8, context=Context(prec=60))
        return rate if rate < MAX_RATE else None


def fetch() -> Quotes:
    """Call RATES_SOURCE and return its rates. Raises `NoRates`."""
    source = settings.RATES_SOURCE
    transport = Transport(
        settings.RATES_URL or ADDRESSES[source],
        method="GET",
        secret=Secret(""),
        connect_timeout_seconds=CONNECT_SECONDS,
        read_timeout_seconds=READ_SECONDS,
        pool_size=1,
    )
    try:
        reply = transport.exchange({}, max_bytes=MAX_BYTES)
    except (NothingSent, NoAnswer) as error:
        raise NoRates(said(str(error))) from error
    finally:
        transport.close()
    if reply.status != 200:
        raise NoRates(Words(gettext_noop("it answered %(status)s"), {"status": reply.status}))
    return READERS[source](reply.body)


ADDRESSES = {
    "cbr": "https://www.cbr.ru/scripts/XML_daily.asp",
    "ecb": "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml",
}


@dataclass(slots=True)
class _Element:
    name: str
    attributes: Mapping[str, str]
    text: str = ""


def read_cbr(body: bytes) -> Quotes:
    """Read the Bank of Russia's list: roubles, with a comma, for `Nominal` units. Raises `NoRates`."""
    as_of: date | None = None
    values = {"RUB": Fraction(1)}
    row: dict[str, str] = {}
    for element in _elements(body):
        row[element.name] = element.text.strip()
        if element.name == "Valute":
            value, nominal = _number(row.get("Value")), _number(row.get("Nominal"))
            values[_currency(row.get("CharCode"))] = value / nominal
            row = {}
        elif element.name == "ValCurs":
            as_of = _day(element.attributes.get("Date"), "%d.%m.%Y")
    return _quotes("cbr", as_of, values)


def read_ecb(body: bytes) -> Quotes:
    """Read the European Central Bank's list: units of each currency for one euro. Raises `NoRates`."""
    as_of: date | None = None
    values = {"EUR": Fraction(1)}
    for element in _elements(body):
        if "currency" in element.attributes:
            values[_currency(element.attributes["currency"])] = 1 / _number(element.attributes.get("rate"))
        elif "time" in element.attributes:
            as_of = _day(element.attributes["time"], "%Y-%m-%d")
    return _quotes("ecb", as_of, values)


READERS: Mapping[str, Callable[[bytes], Quotes]] = {"cbr": read_cbr, "ecb": read_ecb}


def _quotes(source: str, as_of: date | None, values: Mapping[str, Fraction]) -> Quotes:
    if as_of is None or len(values) < 2:
        raise NoRates(Words(gettext_noop("its answer holds no rates")))
    return Quotes(source=source, as_of=as_of, values=values)


def _elements(body: bytes) -> list[_Element]:
    """Return the elements of a document as they end; no DTD is read, and so no entity but XML's own."""
    ended: list[_Element] = []
    open_ones: list[_Element] = []
    parser = expat.ParserCreate()

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(open_ones) > 20:
            raise NoRates(Words(gettext_noop("its answer is nested too deep")))
        open_ones.append(_Element(name, attributes))

    def data(text: str) -> None:
        if open_ones:
            open_ones[-1].text += text

    def refuse(*_: object) -> None:
        raise NoRates(Words(gettext_noop("its answer has a DTD")))

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: ended.append(open_ones.pop())
    parser.CharacterDataHandler = data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise NoRates(Words(gettext_noop("its answer is no XML that can be read"))) from error
    return ended


def _number(text: str | None) -> Fraction:
    if text is None or not _NUMBER.fullmatch(text):
        raise NoRates(Words(gettext_noop("its answer has a rate that is no number")))
    number = Fraction(text.replace(",", "."))
    if number == 0:
        raise NoRates(Words(gettext_noop("its answer has a rate of nothing")))
    return number


def _currency(text: str | None) -> str:
    if text is None or not _CURRENCY.fullmatch(text):
        raise NoRates(Words(gettext_noop("its answer has a currency without a name")))
    return text


def _day(text: str | None, pattern: str) -> date:
    try:
        return datetime.strptime(text or "", pattern).date()  # noqa: DTZ007 a day, no moment
    except ValueError as error:
        raise NoRates(Words(gettext_noop("its answer has no date"))) from error

"""How answers are spelled: as in `provider-api.txt`, or as classic providers do."""

from decimal import ROUND_DOWN, Decimal
from typing import Any

from upstream.sandbox.catalogue import Service
from upstream.sandbox.life import CENTIMILLI, Order, State
from upstream.sandbox.settings import DialectName, Settings

CANCELED_TEXT = "Order canceled successfully"


class DocumentDialect:
    """The document's spelling: one-element lists, dotted thousands, ids as text, one order per call."""

    takes_many = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def service(self, row: Service) -> dict[str, Any]:
        """Return a row of "Список услуг"."""
        return {
            "service": row.service,
            "name": row.name,
            "type": row.type,
            "category": row.category,
            "rate": plain(row.rate),
            "min": self.whole(row.min),
            "max": self.whole(row.max),
        }

    def added(self, order_id: str) -> Any:
        """Return the answer of "Создать заказ"."""
        return self.wrapped({"order": order_id})

    def status(self, order: Order, state: State) -> dict[str, str]:
        """Return the object of "Статус заказа", not wrapped."""
        return {
            "charge": str(state.charge.quantize(CENTIMILLI)),
            "start_count": self.whole(order.plan.start_count),
            "status": state.status,
            "remains": self.whole(state.remains),
            "currency": self._settings.currency,
        }

    def canceled(self) -> Any:
        """Return the answer of "Отмена заказа"."""
        return self.wrapped({"order": CANCELED_TEXT})

    def balance(self, amount: Decimal) -> Any:
        """Return the answer of "Баланс пользователя": with three decimals, as the document's "1.000"."""
        text = str(amount.quantize(Decimal("0.001"), ROUND_DOWN))
        return self.wrapped({"userid": 1, "balance": text, "username": self._settings.username})

    def wrapped(self, answer: dict[str, Any]) -> Any:
        """Wrap an object as this dialect does."""
        return [answer]

    def whole(self, number: int) -> str:
        """Spell a whole number."""
        return f"{number:,}".replace(",", ".")


class ClassicDialect(DocumentDialect):
    """The classic spelling: bare objects, plain digits, ids as numbers, many orders per call."""

    takes_many = True

    def service(self, row: Service) -> dict[str, Any]:
        """Return a row with the flags that classic lists carry."""
        return {**super().service(row), "dripfeed": False, "refill": False, "cancel": True}

    def added(self, order_id: str) -> Any:
        """Return the id as a JSON integer."""
        return {"order": int(order_id)}

    def balance(self, amount: Decimal) -> Any:
        """Return the balance with five decimals and its currency."""
        return {"balance": str(amount.quantize(CENTIMILLI)), "currency": self._settings.currency}

    def wrapped(self, answer: dict[str, Any]) -> Any:
        """Leave the object bare."""
        return answer

    def whole(self, number: int) -> str:
        """Spell a whole number in plain digits."""
        return str(number)


_DIALECTS: dict[DialectName, type[DocumentDialect]] = {"document": DocumentDialect, "classic": ClassicDialect}


def dialect_of(settings: Settings) -> DocumentDialect:
    """Return the dialect that the settings name."""
    return _DIALECTS[settings.dialect](settings)


def plain(amount: Decimal) -> str:
    """Spell an amount without exponent and without zeros at its end: 90, 0.5, 12.34567."""
    return format(amount.normalize(), "f")

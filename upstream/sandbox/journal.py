"""The journal: what the sandbox accepted and what became of it, one JSON line each, never rewritten."""

import json
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

from upstream.sandbox.life import Plan


@dataclass(frozen=True, slots=True)
class Accepted:
    """An order was accepted and charged; `at` in seconds since 1970, as in every row."""

    at: float
    order: str
    service: int
    link: str
    quantity: int
    charge: Decimal
    plan: Plan


@dataclass(frozen=True, slots=True)
class Ended:
    """An order ended, or its end was changed; `charge` is what the provider keeps.

    `cause`: "life" (its plan), "cancel" (the customer's call) or "hand" (a test).
    """

    at: float
    order: str
    status: str
    remains: int
    charge: Decimal
    cause: str


@dataclass(frozen=True, slots=True)
class PaidIn:
    """Money was put into the account by hand, or taken out when the amount is negative."""

    at: float
    amount: Decimal


Row = Accepted | Ended | PaidIn

_KINDS: dict[str, type[Row]] = {"accepted": Accepted, "ended": Ended, "paid_in": PaidIn}
_EVENTS = {kind: event for event, kind in _KINDS.items()}


class Journal:
    """Rows in memory, and in a file when it has one, where they survive a restart."""

    def __init__(self, path: Path | None = None) -> None:
        self.rows: list[Row] = []
        self._file: BinaryIO | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.rows = read_journal(path) if path.exists() else []
            self._file = _open_after_last_line(path)

    @property
    def accepted(self) -> list[Accepted]:
        """Return the accepted orders, oldest first."""
        return [row for row in self.rows if isinstance(row, Accepted)]

    @property
    def ended(self) -> list[Ended]:
        """Return the ends of orders, oldest first; an order whose end was changed later has two."""
        return [row for row in self.rows if isinstance(row, Ended)]

    def write(self, row: Row) -> None:
        """Append a row; when it returns, the row survives the end of this process."""
        if self._file is not None:
            self._file.write(_encoded(row))
            self._file.flush()
        self.rows.append(row)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def read_journal(path: Path) -> list[Row]:
    """Return a file's rows, without a last line that a kill has torn.

    Raises ValueError, with the line's number, for any other line that is no row.
    """
    lines = path.read_bytes().split(b"\n")
    return [_decoded(line, number) for number, line in enumerate(lines[:-1], start=1)]


def _open_after_last_line(path: Path) -> BinaryIO:
    """Open for appending; a torn line is cut off: its answer was never sent."""
    file = path.open("ab")
    whole = path.read_bytes().rfind(b"\n") + 1
    file.truncate(whole)
    return file


def _encoded(row: Row) -> bytes:
    fields = {"event": _EVENTS[type(row)], **asdict(row)}
    return json.dumps(fields, ensure_ascii=False, default=str).encode() + b"\n"


def _decoded(line: bytes, number: int) -> Row:
    try:
        fields: dict[str, Any] = json.loads(line)
        kind = _KINDS[fields.pop("event")]
        for money in {"charge", "amount"} & fields.keys():
            fields[money] = Decimal(fields[money])
        if "plan" in fields:
            fields["plan"] = Plan(**fields["plan"])
        return kind(**fields)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"line {number} of the journal is no row of it") from error

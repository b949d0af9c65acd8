"""What a candidate's numbers say of a lost order."""

from decimal import Decimal

import pytest

from orders.matching import Verdict, lies_in, verdict_on
from orders.models import Candidate, LostAnswer, Order

FITS, COULD_FIT, DIFFERS = Verdict.FITS, Verdict.COULD_FIT, Verdict.DIFFERS


def candidate(
    charge: str | None, status: str = "pending", remains: int | None = 333, **more: bool
) -> Candidate:
    return Candidate(
        number=7,
        status_text=status,
        charge=None if charge is None else Decimal(charge),
        remains=remains,
        **more,
    )


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        # 333 at 27.819 per 1000 are 9.263727; each provider rounds in its own manner.
        (candidate("9.26373"), FITS),
        (candidate("9.26372"), FITS),
        (candidate("9.264"), FITS),
        (candidate("9.27"), FITS),
        (candidate("9.26"), FITS),
        (candidate("9.26374"), DIFFERS),
        (candidate("9.3"), DIFFERS),
        (candidate("9.25"), DIFFERS),
        (candidate("0.01"), DIFFERS),
        # Nothing is delivered yet: all of it remains.
        (candidate("9.26", remains=332), DIFFERS),
        (candidate("9.26", remains=None), FITS),
        (candidate("9.26", "in_progress", 12), FITS),
        (candidate("9.26", "in_progress", 334), DIFFERS),
        (candidate("9.26", "completed", 0), FITS),
        # An early end lowers the charge.
        (candidate("4.63", "partial", 100), COULD_FIT),
        (candidate("0", "canceled", 333), COULD_FIT),
        (candidate("9.27", "partial", 100), COULD_FIT),
        (candidate("9.28", "partial", 100), DIFFERS),
        # What is not said, or said in other money, tells nothing.
        (candidate(None), COULD_FIT),
        (candidate("9.26", is_foreign=True), COULD_FIT),
    ],
)
def test_a_candidate_is_told_by_charge_and_remains(found: Candidate, verdict: Verdict) -> None:
    assert verdict_on(found, Order(cost=Decimal("27.819"), quantity=333)) == verdict


@pytest.mark.parametrize(
    ("before", "after", "inside"),
    [
        (10, 20, [11, 19]),
        (10, None, [11, 10**9]),
        (None, 20, [1, 19]),
        (None, None, [1, 10**9]),
    ],
)
def test_a_window_leaves_its_bounds_out(before: int | None, after: int | None, inside: list[int]) -> None:
    lost = LostAnswer(id_before=before, id_after=after)
    assert all(lies_in(number, lost) for number in inside)
    assert not any(lies_in(number, lost) for number in (before, after) if number is not None)

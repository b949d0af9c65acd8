"""What is changed and what is not, on a rule written as ours are."""

import pytest

from tests.mutants.making import mutants_of

RULE = '''
import logging

logger = logging.getLogger(__name__)
LIMIT = 3


@transaction.atomic
def take(order: Order | None, *, amount: int) -> bool:
    """Take what is there."""
    if order.is_ended:
        raise Ended("it has ended")
    order.update(state="taken", by=amount - 1)
    logger.info("order.taken order=%s", order.pk)
    return amount > LIMIT
'''


def changes() -> set[str]:
    return {mutant.name for mutant in mutants_of("orders/taking.py", RULE)}


@pytest.mark.parametrize(
    "change",
    [
        "(module): - LIMIT = 3 + LIMIT = 4",
        "take: - @transaction.atomic",
        "take: - if order.is_ended: + if not (order.is_ended):",
        'take: - raise Ended("it has ended") + pass',
        'take: - order.update(state="taken", by=amount - 1) + pass',
        'take: - order.update(state="taken", by=amount - 1) + order.update(state="taken", by=amount + 1)',
        'take: - order.update(state="taken", by=amount - 1) + order.update(by=amount - 1)',
        'take: - order.update(state="taken", by=amount - 1) + order.update(state="XXtakenXX", by=amount - 1)',
        "take: - return amount > LIMIT + return amount >= LIMIT",
    ],
)
def test_a_rule_is_changed_in_a_decorated_function_too(change: str) -> None:
    assert change in changes()


@pytest.mark.parametrize("words", ["logg", "int) -> bool", "XXit has", "Take what", "import"])
def test_log_lines_annotations_and_words_for_people_are_left_alone(words: str) -> None:
    assert not any(words in change for change in changes())


def test_each_mutant_is_another_source() -> None:
    sources = [mutant.source for mutant in mutants_of("orders/taking.py", RULE)]
    assert RULE not in sources
    assert len(set(sources)) == len(sources)

"""Two beats by mistake: work is found twice, and done once."""

from tests.recovery.looking import place_many, wait_until_all_are_sent
from tests.site.processes import RunningSite

ORDERS = 40


def test_each_order_is_sent_once(bare_site: RunningSite) -> None:
    site = bare_site
    beats = [site.start_beat(), site.start_beat()]
    workers = [site.start_worker(pool="threads"), site.start_worker(pool="prefork", concurrency=2)]
    place_many(site, "beats", ORDERS, wake=False)

    wait_until_all_are_sent(site, "beats", ORDERS)

    assert [process.poll() for process in (*beats, *workers)] == [None] * 4, "nobody gave up"
    for process in (*beats, *workers):
        process.terminate()
    assert [process.wait(timeout=60) for process in (*beats, *workers)] == [0] * 4

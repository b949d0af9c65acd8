"""How gunicorn treats connections, started from this folder; the rest stands in its command."""

# Longer than proxies keep a connection that nobody uses (nginx 60 s, Traefik 90 s, Caddy 120 s), so that they
# close it. Where gunicorn does, after 2 seconds by itself, it resets what is being sent to it at that moment:
# a form would be lost without an answer, most of all on a busy machine.
keepalive = 150


def post_worker_init(worker: object) -> None:
    """Begin only with prices in the site's currency; gunicorn ends, with what to do, where they are not."""
    from panel.currency import require_currency  # the site's apps are there only now

    require_currency()

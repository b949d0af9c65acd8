# One image for web, worker, beat and migrations; docker-compose.yml says which command each runs.
FROM python:3.11-slim-bookworm AS build
WORKDIR /app
COPY requirements/runtime.txt requirements/runtime.txt
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements/runtime.txt
COPY . .
RUN /venv/bin/pybabel --quiet compile --domain django --directory locale \
 && SECRET_KEY=not-used-to-collect VAR_DIR=/tmp/var STATIC_ROOT=/app/staticfiles \
    /venv/bin/python manage.py collectstatic --no-input --verbosity 0

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /app panel && install -d -o panel /var/lib/panel
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
USER panel
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 VAR_DIR=/var/lib/panel
EXPOSE 8000
CMD ["gunicorn", "panel.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "4"]

# The hub on a PostgreSQL of its own (compose.yaml): web server, workers and commands alike.
FROM python:3.11-slim

# pg_dump, for backups; its major must not be below the server's.
RUN apt-get update \
    && apt-get install -y --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /var/lib/hubcustomers hubcustomers

WORKDIR /opt/hubcustomers
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
COPY . .

USER hubcustomers
ENV HUB_DATA_DIR=/var/lib/hubcustomers \
    LOG_FORMAT=json \
    PYTHONUNBUFFERED=1
VOLUME /var/lib/hubcustomers
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["granian", "--interface", "wsgi", "--workers", "2", "--blocking-threads", "8", \
    "--backpressure", "256", "--workers-kill-timeout", "6", "--respawn-failed-workers", "--no-ws", \
    "--host", "0.0.0.0", "--port", "8000", "--log-level", "error", "hubcustomers.wsgi:application"]

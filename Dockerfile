# The service in one image: `citybrain worker`, and every other command of it. Built in two stages, so that what
# builds the package is not in what runs.

FROM python:3.11.14-slim-bookworm AS build
RUN python -m venv /opt/citybrain
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY citybrain citybrain
COPY rules rules
COPY scenarios scenarios
COPY simulators simulators
COPY streams streams
RUN /opt/citybrain/bin/pip install --no-cache-dir --disable-pip-version-check .

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/citybrain citybrain
COPY --from=build /opt/citybrain /opt/citybrain
ENV PATH=/opt/citybrain/bin:$PATH PYTHONUNBUFFERED=1
# Faust makes a folder of its own where it is started; a citybrain.toml is looked for here too.
WORKDIR /var/lib/citybrain
USER citybrain

# Of the worker, which is what the image runs unless told otherwise. Other commands have no health of their own.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen('http://127.0.0.1:' + os.environ.get('CITYBRAIN_METRICS_PORT', '9464') + '/livez', timeout=4)"]
CMD ["citybrain", "worker"]

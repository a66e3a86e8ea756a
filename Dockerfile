# The embedded service in one image: API, supervisor and CPU workers.
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/autopq
COPY requirements.lock ./
# torch comes first and alone. Set TORCH_INDEX to the package index that holds the build wanted
# (CPU only, or one CUDA version); the default index brings the CUDA build of several gigabytes.
ARG TORCH_INDEX=
RUN /opt/autopq/bin/pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} \
    "$(grep '^torch==' requirements.lock)"
RUN /opt/autopq/bin/pip install --no-cache-dir -r requirements.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY app app
COPY autopq autopq
COPY training_methods training_methods
COPY migrations migrations
RUN /opt/autopq/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11-slim
# LightGBM needs the OpenMP runtime.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 autopq \
    && install -d -o autopq /data
COPY --from=build /opt/autopq /opt/autopq
USER autopq
# Listening on every address, the service starts only once there is a key: `autopq keys create`.
ENV PATH=/opt/autopq/bin:$PATH AUTOPQ_DATA_DIR=/data AUTOPQ_HOST=0.0.0.0 AUTOPQ_PORT=8000
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
CMD ["python", "-m", "app"]

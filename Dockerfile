# One image for every process of the service: API, supervisor, and the head and workers of a Ray
# cluster.
#
#   docker build -t autopq-service:0.1.0 --build-arg TORCH_INDEX=URL .
#   docker build -t autopq-service:0.1.0-cuda .
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /src
RUN python -m venv /opt/autopq
COPY requirements.lock requirements-cluster.lock ./
# torch comes first and alone: with it in place nothing below asks for another build of it.
# The usual build, of several gigabytes, brings the CUDA libraries with it and needs only a driver
# on the machine. TORCH_INDEX names another package index: PyTorch's one of builds for CPUs alone, or
# that of another version of CUDA.
ARG TORCH_INDEX=
RUN /opt/autopq/bin/pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} \
    "$(grep '^torch==' requirements.lock)"
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY app app
COPY autopq autopq
COPY training_methods training_methods
COPY migrations migrations
# `cluster` is what processes beyond one machine need, PostgreSQL's driver and Ray. What runs on
# one machine only does with less: --build-arg EXTRAS=statistical
ARG EXTRAS=cluster,s3,statistical
RUN /opt/autopq/bin/pip install --no-cache-dir \
    -c requirements.lock -c requirements-cluster.lock ".[$EXTRAS]"

FROM python:${PYTHON}
# LightGBM needs the OpenMP runtime. `tini` passes signals on and collects orphans; what Debian's
# release has of both is what its security team mends. Login shells, in which KubeRay may start Ray,
# forget the PATH that is set below.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 autopq \
    && install -d -o autopq -g autopq /data \
    && echo "PATH=/opt/autopq/bin:\$PATH" > /etc/profile.d/autopq.sh
COPY --from=build /opt/autopq /opt/autopq
USER 10001
# Listening on every address, the service starts only once there is a key: `autopq keys create`.
ENV PATH=/opt/autopq/bin:$PATH AUTOPQ_DATA_DIR=/data AUTOPQ_HOST=0.0.0.0 AUTOPQ_PORT=8000
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["tini", "--"]
CMD ["autopq", "serve"]

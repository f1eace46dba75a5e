# Any image with its own python3 (3.11 or newer, with venv) serves as BASE.
ARG BASE=python:3.12-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
# Two environments: what builds stays here, so that what runs never holds pip.
COPY requirements.lock requirements-build.lock ./
RUN python3 -m venv /opt/build \
    && python3 -m venv --without-pip /opt/sluiceway \
    && /opt/build/bin/pip install --require-hashes -r requirements-build.lock \
    && /opt/build/bin/pip --python /opt/sluiceway/bin/python install --no-compile --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY framework framework
COPY patterns patterns
# Bytecode that is never checked against its source stays valid whatever copying does to file times.
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/build/bin/pip --python /opt/sluiceway/bin/python install --no-compile --no-deps dist/*.whl \
    && /opt/sluiceway/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/sluiceway/lib

FROM ${BASE}
# The base's own pip goes, and the standard library is compiled where the base left that to the first start:
# a read-only root would compile it again on every one.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3.*/site-packages/* /usr/share/python-wheels \
        /usr/local/lib/python3.*/ensurepip /usr/lib/python3.*/ensurepip \
    && python3 -m compileall -q -x /tests?/ "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=build /opt/sluiceway /opt/sluiceway
ENV PATH=/opt/sluiceway/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SLUICEWAY_HEALTH_PORT=8080
# Numeric, so that an orchestrator can see that it is not root.
USER 10001:10001
WORKDIR /pipelines
# Not urllib: it would send this through HTTP_PROXY.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["python3", "-ISc", "\
import os, sys, http.client as http; \
worker = http.HTTPConnection('127.0.0.1', int(os.environ['SLUICEWAY_HEALTH_PORT']), timeout=2); \
worker.request('GET', '/healthz'); \
sys.exit(worker.getresponse().status != 200)"]
ENTRYPOINT ["sluiceway"]
CMD ["--help"]
# Last, since they differ with every commit.
ARG BASE
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Sluiceway" \
      org.opencontainers.image.description="Integration pipelines on AWS: patterns in YAML, delivery that can be trusted." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"

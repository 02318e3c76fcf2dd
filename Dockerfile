# One image for every process: the command says which, as in `docker run minuet minuet.services.recorder`.
# docs/deploying.md tells how to use it; a test runs the install and start commands below.

ARG PYTHON_IMAGE=python:3.11.13-slim-bookworm
ARG NODE_IMAGE=node:22.20.0-bookworm-slim

# ── site: build the front end ───────────────────────────────────────────────────────────────────
FROM ${NODE_IMAGE} AS site
WORKDIR /frontend
COPY frontend/package.json frontend/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY frontend ./
RUN npm run build

# ── build: compile the extensions, make the environment ─────────────────────────────────────────
FROM ${PYTHON_IMAGE} AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements.lock ./
# The installer is the one that the lock names, checked by its hash.
RUN awk '/^[a-z0-9]/ {wanted = /^uv==/} wanted && !/^ *#/' requirements.lock > uv.txt \
    && pip install --no-cache-dir --require-hashes --no-deps -r uv.txt
COPY pyproject.toml setup.py README.md LICENSE ./
COPY common common
COPY services services
COPY migrations migrations
COPY schemas schemas
RUN MINUET_REQUIRE_COMPILED=1 uv build --wheel --out-dir /dist .
RUN python -m venv /opt/minuet
# Of the lock only what the wheel asks for: its versions, its hashes.
RUN uv pip install --python /opt/minuet/bin/python --compile-bytecode \
    --constraints requirements.lock /dist/*.whl

# ── run: no compiler, no installer, no root ─────────────────────────────────────────────────────
FROM ${PYTHON_IMAGE} AS run
RUN groupadd --gid 10001 minuet \
    && useradd --uid 10001 --gid minuet --no-create-home --home-dir /nonexistent \
       --shell /usr/sbin/nologin minuet
COPY --from=build /opt/minuet /opt/minuet
COPY --from=site /frontend/dist /opt/minuet/site
ENV PATH=/opt/minuet/bin:$PATH \
    MINUET_SITE_DIR=/opt/minuet/site \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["python", "-m"]
CMD ["minuet.services.orchestrator"]

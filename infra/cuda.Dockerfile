# The code location on a GPU node: everything of Dockerfile, with vLLM and the CUDA build of torch.
FROM nvidia/cuda:13.0.1-devel-ubuntu24.04

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH

WORKDIR /opt/mlpo
COPY requirements/gpu.txt requirements/gpu.txt
RUN pip install --no-cache-dir uv==0.13.9 \
    && uv pip install --no-cache --compile-bytecode --requirement requirements/gpu.txt

COPY pyproject.toml README.md LICENSE ./
COPY mlpo mlpo
COPY mlpo_core mlpo_core
COPY pipelines pipelines
COPY experiments experiments
RUN uv pip install --no-cache --no-deps --editable .

COPY infra/compose/dagster.yaml infra/compose/workspace.yaml /opt/dagster/
RUN groupadd --system --gid 2000 mlpo \
    && useradd --system --uid 2000 --gid mlpo --create-home mlpo \
    && install --directory --owner mlpo --group mlpo /opt/dagster /var/lib/mlpo
ENV DAGSTER_HOME=/opt/dagster
USER 2000

# The endpoint of trained leaders on a machine without CUDA: `docker run mlpo-serve EXPERIMENT [OPTIONS]`. It needs MLPO_API_KEYS.
FROM python:3.11.13-slim-bookworm

RUN groupadd --system --gid 2000 mlpo \
    && useradd --system --uid 2000 --gid mlpo --create-home mlpo

WORKDIR /opt/mlpo
COPY requirements/demo.txt requirements/demo.txt
RUN pip install --no-cache-dir uv==0.13.9 \
    && uv pip install --system --no-cache --compile-bytecode --torch-backend cpu torch==2.13.0 --requirement requirements/demo.txt

COPY pyproject.toml README.md LICENSE ./
COPY mlpo_core mlpo_core
COPY experiments experiments
RUN uv pip install --system --no-cache --torch-backend cpu --editable '.[serve,s3]' \
    && install --directory --owner mlpo --group mlpo /var/lib/mlpo
ENV MLPO_ROOT=/var/lib/mlpo XDG_CACHE_HOME=/var/lib/mlpo/cache
USER 2000
EXPOSE 8000
ENTRYPOINT ["python", "-m", "mlpo_core", "serve", "--host", "0.0.0.0"]
CMD ["tiny"]

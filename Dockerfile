# docker build -t topgraft .                            for a CPU
# docker build -t topgraft --build-arg DEVICE=cuda .    for a GPU: the package index's own build of PyTorch, which brings CUDA
#
# docker run --rm -v "$PWD:/work" -v topgraft:/home topgraft run professor
# (on a GPU with --gpus all; with --user "$(id -u):$(id -g)" what it writes is yours)
FROM python:3.12-slim

# make for the steps below, pango for reports as PDF.
RUN apt-get update \
    && apt-get install -y --no-install-recommends make libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /topgraft
COPY Makefile pyproject.toml constraints.txt README.md LICENSE ./
COPY topgraft topgraft

ARG DEVICE=cpu
ENV PIP_NO_CACHE_DIR=1
RUN if [ "$DEVICE" = cpu ]; then export PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu; fi; make setup

# Models of the hub and kept trunk states go under the home folder, whoever runs it.
ENV HOME=/home PATH=/topgraft/.venv/bin:$PATH
RUN chmod 1777 /home
WORKDIR /work
ENTRYPOINT ["topgraft"]
CMD ["--help"]

# syntax=docker/dockerfile:1
# One image with the binaries of the separate processes: auth, logistics, platform, router, migrate.

# The toolchain of rust-toolchain.toml, without its formatter and linter.
FROM rust:1.95.0-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends build-essential nodejs npm \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
# GraphiQL is embedded, or the build fails: an image does not depend on who was reachable when it was built.
ENV RIDEGRAPH_PLAYGROUND=npm
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target \
    cargo build --release --locked --bins \
        --package auth --package logistics --package platform --package server --package migrations \
    && mkdir /binaries \
    && for binary in auth logistics platform router migrate; do \
        strip --strip-debug "target/release/$binary" -o "/binaries/$binary"; done

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home --uid 10001 ridegraph
COPY --from=build /binaries/ /usr/local/bin/
COPY scripts/healthy /usr/local/bin/
WORKDIR /etc/ridegraph
COPY supergraph.yaml router.yaml ./
COPY examples/ examples/
USER ridegraph
# compose.yaml says which binary each service runs.
CMD ["router", "--help"]

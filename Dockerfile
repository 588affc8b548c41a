# Slipway's own image: the program, buildctl and git. The context is what `make image` stages:
# <architecture>/app/ holds a self-contained publish, and <architecture>/buildctl one from elsewhere where BUILDCTL=staged.
ARG BASE=debian:trixie-slim
ARG BUILDKIT=moby/buildkit:v0.32.2
ARG BUILDCTL=upstream

FROM ${BUILDKIT} AS buildctl-upstream

FROM scratch AS buildctl-staged
ARG TARGETARCH
COPY ${TARGETARCH}/buildctl /usr/bin/buildctl

FROM buildctl-${BUILDCTL} AS buildctl

FROM ${BASE}
# A base that brings git already needs no network here.
RUN command -v git >/dev/null || \
    (apt-get update && apt-get install -y --no-install-recommends ca-certificates git && rm -rf /var/lib/apt/lists/*)
COPY --from=buildctl /usr/bin/buildctl /usr/local/bin/buildctl
ARG TARGETARCH
COPY ${TARGETARCH}/app/ /opt/slipway/
# One arena: the threads of a small program need no more, and what they free goes back.
ENV HOME=/tmp PATH=/opt/slipway:/usr/local/bin:/usr/bin:/bin DOTNET_EnableDiagnostics=0 MALLOC_ARENA_MAX=1
USER 65532:65532
ENTRYPOINT ["/opt/slipway/slipway"]

# keyturn's programs on an empty base: no shell, no package manager, a plain user. Builds with the classic builder too.
# `make release` makes the same without an engine (lab/release); a test compares.
FROM golang:1.26 AS build
# `docker image prune --filter label=keyturn.stage=build` finds what a classic build leaves behind.
LABEL keyturn.stage=build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# What the programs say of themselves, as `make release` stamps them.
ARG VERSION=(devel)
ARG REVISION=
ARG DATE=
RUN v=keyturn/internal/version && CGO_ENABLED=0 go build -trimpath \
      -ldflags="-s -w -X '$v.version=$VERSION' -X '$v.revision=$REVISION' -X '$v.date=$DATE'" -o /out/bin/ \
      ./cmd/worker ./cmd/scheduler ./cmd/console ./cmd/rotatectl ./cmd/sandbox ./deploy/compose/setup && \
    # A named volume starts with the owner of the folder that it covers.
    mkdir -p /out/run/keyturn/login /out/run/keyturn/console /out/run/keyturn/sandbox /out/run/keyturn/redis && \
    mkdir -p /out/run/keyturn/redis-server /out/var/lib/keyturn && \
    mkdir -p /out/etc/ssl/certs && cp -L /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/

FROM scratch
ARG VERSION=(devel)
ARG REVISION=
ARG DATE=
LABEL org.opencontainers.image.title=keyturn \
      org.opencontainers.image.description="rotates credentials that live at third-party providers" \
      org.opencontainers.image.licenses=Apache-2.0 \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$REVISION \
      org.opencontainers.image.created=$DATE
COPY --from=build --chown=65532:65532 /out/ /
USER 65532:65532
ENV PATH=/bin
# No entry point: name the program, for instance `worker -config /etc/keyturn/keyturn.yaml`.
CMD ["rotatectl", "--help"]

# mimeme in a container, from these sources and nothing else: docker build -t mimeme .
# docs/deploy.md says how it is run.
FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends make
COPY . /src
WORKDIR /src
RUN make package

FROM debian:bookworm-slim
RUN --mount=type=bind,from=build,source=/src/build/package,target=/package \
    apt-get update && apt-get install -y --no-install-recommends /package/*.deb && rm -rf /var/lib/apt/lists/*
# Within a container 127.0.0.1 is the container: what its port is published to is said by whoever runs it.
RUN printf '[serve]\naddress = "0.0.0.0"\n' > /etc/mimeme/mimeme.toml
ENV MIMEME_LIBRARY=/var/lib/mimeme MIMEME_MODELS=/var/lib/mimeme/models:/usr/share/mimeme/models
VOLUME /var/lib/mimeme
USER mimeme
EXPOSE 8080
HEALTHCHECK --start-period=60s CMD ["mimeme", "status", "--quiet"]
ENTRYPOINT ["mimeme"]
CMD ["serve"]

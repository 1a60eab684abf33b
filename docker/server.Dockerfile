# The server and the spawner: innkeeper's one program, and the certificate authorities that its calls to the model need.
# `scripts/server-image.sh` builds it: it builds the program and puts it beside this file.

# debian:bookworm-slim, or a debootstrap of the same release where no registry answers.
ARG BASE=debian:bookworm-slim
FROM ${BASE}

RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update \
 && apt-get upgrade -y \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/* \
        /usr/share/doc /usr/share/info /usr/share/locale /usr/share/man \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} +

# The server's user is nobody else's; a volume that is made here is made the user's. The spawner is run as root.
RUN install -d -m 0700 -o 990 -g 990 /var/lib/innkeeper
ENV INNKEEPER_DATA_DIR=/var/lib/innkeeper

USER 990:990
ENTRYPOINT ["/usr/local/bin/innkeeper"]
CMD ["serve"]

# What changes with every build comes last: all above is kept.
ARG INPUTS=unknown
LABEL innkeeper.inputs=${INPUTS}
COPY innkeeper /usr/local/bin/innkeeper

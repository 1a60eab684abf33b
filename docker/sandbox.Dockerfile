# What every session runs in: Debian, a toolchain for the agent's tools, the Claude Code CLI and innkeeper's shim.
# `scripts/image.sh` builds it: it fetches and verifies the CLI, builds the shim and puts both beside sandbox/tool.
#
# The CLI is pinned in sandbox/claude-code.pin: its lines, its flags and its files change between versions without
# notice, and innkeeper's dialect of them (src/agent) was written against, and is tested with, exactly that one.

# debian:bookworm-slim, or a debootstrap of the same release where no registry answers.
ARG BASE=debian:bookworm-slim
FROM ${BASE}

# No documentation, no set-uid programs: no one reads the one, and no-new-privileges makes the others useless.
RUN printf 'path-exclude=/usr/share/%s/*\n' doc info locale man > /etc/dpkg/dpkg.cfg.d/innkeeper \
 && export DEBIAN_FRONTEND=noninteractive \
 && apt-get update \
 && apt-get upgrade -y \
 && apt-get install -y --no-install-recommends \
        ca-certificates curl diffutils git jq patch poppler-utils procps ripgrep unzip xz-utils zip \
        cmake g++ gcc libc6-dev make pkg-config \
        nodejs npm python3 python3-pip python3-venv \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/* \
        /usr/share/doc /usr/share/info /usr/share/locale /usr/share/man \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} +

# Where the session's mounts go; the root is read-only.
RUN mkdir -p /home/agent /run/innkeeper /workspace
WORKDIR /workspace

# What of a repository's own configuration is granted by itself is shown to the agent as a plugin that has nothing else in it.
# The links lead into the workspace as the agent sees it; where it has no such thing there is none.
RUN mkdir -p /usr/local/lib/innkeeper && cd /usr/local/lib/innkeeper \
 && for plugin in repository-skills repository-mcp; do \
        mkdir -p $plugin/.claude-plugin \
        && printf '{"name": "%s", "version": "1.0.0"}\n' $plugin > $plugin/.claude-plugin/plugin.json; \
    done \
 && ln -s /workspace/.claude/skills repository-skills/skills \
 && ln -s /workspace/.mcp.json repository-mcp/.mcp.json

# The agent and the shim are execute-only (0711, root's): the kernel then lets nobody else read their memory, their
# environment or their descriptors through /proc, so a tool cannot forge what the agent says.
COPY claude /usr/local/bin/claude
COPY tool /usr/local/lib/innkeeper/tool
COPY innkeeper-shim /usr/local/bin/innkeeper-shim

# No USER: the server runs each sandbox as the owner of its workspace, and never as root.
ENTRYPOINT ["/usr/local/bin/innkeeper-shim"]

-- One dialect for SQLite and PostgreSQL: only `text` and `bigint`. Times are microseconds since the Unix epoch,
-- money is nano-dollars, paths are text, structures are JSON.

create table tenants (
    id text primary key,
    name text not null unique,
    roots text not null,
    created_at bigint not null
);

create table keys (
    id text primary key,
    -- Null for a key of the operators.
    tenant_id text references tenants (id),
    name text not null,
    hash text not null,
    created_at bigint not null,
    expires_at bigint,
    revoked_at bigint
);

create table sessions (
    id text primary key,
    tenant_id text not null references tenants (id),
    root text not null,
    relative text not null,
    state text not null,
    prompt text not null,
    agent_session text,
    epoch bigint not null,
    last_seq bigint not null,
    message_count bigint not null,
    turn_count bigint not null,
    created_at bigint not null
);

create index sessions_by_tenant on sessions (tenant_id, created_at, id);

create index sessions_by_state on sessions (state);

create table turns (
    id text primary key,
    session_id text not null references sessions (id),
    tenant_id text not null references tenants (id),
    ordinal bigint not null,
    prompt text not null,
    spec text not null,
    outcome text,
    reason text,
    error text,
    report text,
    cost_nanos bigint not null,
    created_at bigint not null,
    started_at bigint,
    ended_at bigint,
    unique (session_id, ordinal)
);

create table events (
    session_id text not null references sessions (id),
    seq bigint not null,
    turn_id text not null,
    kind text not null,
    payload text not null,
    at bigint not null,
    primary key (session_id, seq)
);

-- The agent's own transcript, line by line: what a later sandbox resumes from.
create table transcript (
    session_id text not null references sessions (id),
    line bigint not null,
    entry text not null,
    primary key (session_id, line)
);

-- One row a model call: open before the call is made, settled when its usage is known. Rows outlive their session.
create table ledger (
    id text primary key,
    tenant_id text not null references tenants (id),
    session_id text not null,
    turn_id text not null,
    -- `open`, `exact` or `estimated`.
    status text not null,
    model text not null,
    price_version text not null,
    input_tokens bigint not null,
    output_tokens bigint not null,
    cache_read_tokens bigint not null,
    cache_write_5m_tokens bigint not null,
    cache_write_1h_tokens bigint not null,
    web_search_requests bigint not null,
    -- The most the call could cost when it was opened: what a crash of the server in its middle leaves to be charged.
    held_nanos bigint not null,
    cost_nanos bigint not null,
    opened_at bigint not null,
    settled_at bigint
);

create index ledger_by_turn on ledger (turn_id);

create index ledger_by_tenant on ledger (tenant_id, opened_at);

create index ledger_by_status on ledger (status);

-- One row: the name this installation writes on its sandboxes.
create table installation (id text primary key);

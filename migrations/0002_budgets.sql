-- Budgets, and who of a tenant spends: the key that began a turn.
alter table turns add column key_id text;

alter table ledger add column key_id text;

create index ledger_by_key on ledger (key_id, opened_at);

create index ledger_by_session on ledger (session_id, opened_at);

create table budgets (
    id text primary key,
    -- `installation`, `tenant`, `key` or `session`; the ids say which, as far as the scope needs them.
    scope text not null,
    tenant_id text references tenants (id),
    key_id text references keys (id),
    session_id text,
    -- `day`, `week`, `month` or `total`.
    period text not null,
    limit_nanos bigint not null,
    -- `hard` or `soft`.
    enforcement text not null,
    created_at bigint not null,
    archived_at bigint
);

create index budgets_by_tenant on budgets (tenant_id);

-- What was spent and is held of a budget in one of its windows of time.
create table budget_windows (
    budget_id text not null references budgets (id),
    starts_at bigint not null,
    spent_nanos bigint not null,
    held_nanos bigint not null,
    -- The last threshold that was told, in percent.
    told_percent bigint not null,
    primary key (budget_id, starts_at)
);

-- Of which windows an open call holds money: where it is given back, and its cost is written, when it is settled.
create table holds (
    call_id text not null references ledger (id),
    budget_id text not null,
    starts_at bigint not null,
    primary key (call_id, budget_id)
);

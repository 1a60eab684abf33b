-- What sessions left in their workspaces: one row for each turn that was looked after, with what changed (JSON) or why that
-- is not known.
create table changes (
    turn_id text primary key references turns (id),
    session_id text not null references sessions (id),
    tenant_id text not null references tenants (id),
    changes text,
    error text,
    at bigint not null
);

create index changes_by_session on changes (session_id);

-- Files whose changes were undone. What the session had left there is a file of the name `stored` below the data directory;
-- none when the session had removed it. `undone` is 1, or 0 with the reason.
create table session_files (
    session_id text not null references sessions (id),
    number bigint not null,
    tenant_id text not null references tenants (id),
    turn_id text not null references turns (id),
    path text not null,
    undone bigint not null,
    reason text,
    stored text,
    size_bytes bigint,
    whole bigint not null,
    at bigint not null,
    primary key (session_id, number)
);

-- The first of the files that would run later and were changed in any of its turns (a JSON list of paths).
alter table sessions add column changed_executables text;

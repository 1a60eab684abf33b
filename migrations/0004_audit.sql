-- Who changed what of the installation: written in the transaction of the change.
create table audit (
    -- Dense, so that a row that was taken out is missed.
    seq bigint primary key,
    at bigint not null,
    actor text not null,
    -- The address the request came from; null for what happened on the machine itself.
    origin text,
    action text not null,
    target text not null,
    tenant_id text,
    reason text,
    -- The target as it was and as it is, as JSON.
    before_json text,
    after_json text
);

create index audit_by_tenant on audit (tenant_id, seq);

create index audit_by_action on audit (action, seq);

-- What a key opens, and when it last did.
alter table keys add column scopes text not null default 'sessions:read sessions:write usage:read';

update keys set scopes = 'admin' where tenant_id is null;

alter table keys add column last_used_at bigint;

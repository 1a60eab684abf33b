-- Sandboxes that are not done with: written before one is made, deleted when it is gone and what it changed is written down.
-- What cannot be done at once is tried again until it is, over restarts too. A row may outlive its session.
create table pending_sandboxes (
    session_id text not null,
    epoch bigint not null,
    tenant_id text not null,
    turn_id text not null,
    workspace text not null,
    surveyed bigint not null,
    quarantine bigint not null,
    state text not null,
    gone_at bigint,
    attempts bigint not null,
    next_at bigint not null,
    error text,
    primary key (session_id, epoch)
);

create index pending_sandboxes_by_tenant on pending_sandboxes (tenant_id, state);
create index pending_sandboxes_by_time on pending_sandboxes (next_at);

-- Where a file is now whose change was undone by moving it.
alter table session_files add column moved_to text;

-- What sessions hold, counted as it is written, so that nobody has to add it up.
alter table sessions add column stored_bytes bigint not null default 0;
alter table sessions add column event_bytes bigint not null default 0;
alter table sessions add column transcript_bytes bigint not null default 0;

create table tenant_storage (
    tenant_id text primary key,
    -- Bytes of the requests, events and transcripts of its sessions.
    bytes bigint not null
);

update sessions set
    event_bytes = coalesce((select sum(octet_length(e.payload)) from events e where e.session_id = sessions.id), 0),
    transcript_bytes = coalesce((select sum(octet_length(x.entry)) from transcript x where x.session_id = sessions.id), 0),
    stored_bytes = octet_length(prompt)
        + coalesce((select sum(octet_length(t.prompt) + octet_length(t.spec)) from turns t where t.session_id = sessions.id), 0);

update sessions set stored_bytes = stored_bytes + event_bytes + transcript_bytes;

insert into tenant_storage (tenant_id, bytes)
    select tenant_id, cast(sum(stored_bytes) as bigint) from sessions group by tenant_id;

-- Turns under way are read page by page, in the order of their sessions.
create index sessions_live on sessions (created_at, id) where state <> 'idle';

-- When the first call of a tenant and a model was settled: it shows whether a total lies wholly within a span of time.
alter table ledger_totals add column first_at bigint not null default 0;

update ledger_totals set first_at = coalesce((select min(l.settled_at) from ledger l
    where l.tenant_id = ledger_totals.tenant_id and l.model = ledger_totals.model
        and l.status in ('exact', 'estimated')), 0);

-- How many turns of a tenant ended for each reason, and how long they took from the request to the end, kept in the
-- transactions that end them: sessions are deleted, counts are not.
create table turn_totals (
    tenant_id text not null references tenants (id),
    reason text not null,
    turns bigint not null,
    duration_micros bigint not null,
    primary key (tenant_id, reason)
);

insert into turn_totals (tenant_id, reason, turns, duration_micros)
select tenant_id, reason, count(*), cast(sum(ended_at - created_at) as bigint)
from turns where outcome is not null and reason is not null and ended_at is not null
group by tenant_id, reason;

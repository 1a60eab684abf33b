-- Amounts have bounds, so that no sum of them leaves 64 bits: $1,000,000 for one call, $1,000,000,000 for a limit and for what a
-- budget's window holds. Rows that are out of bounds are brought back, and noted, so that the next start reports them and
-- counts what budgets spent again.
create table repairs (
    -- `ledger` or `budget_windows`.
    table_name text not null,
    id text not null,
    starts_at bigint not null,
    -- What was found there.
    found text not null
);

create index repairs_by_row on repairs (table_name, id);

insert into repairs (table_name, id, starts_at, found)
select 'ledger', id, 0, 'held ' || held_nanos || ', cost ' || cost_nanos
from ledger
where held_nanos <> cast(held_nanos as bigint) or held_nanos not between 0 and 1000000000000000
    or cost_nanos <> cast(cost_nanos as bigint) or cost_nanos not between -1000000000000000 and 1000000000000000
    or input_tokens <> cast(input_tokens as bigint) or input_tokens not between 0 and 1000000000000
    or output_tokens <> cast(output_tokens as bigint) or output_tokens not between 0 and 1000000000000
    or cache_read_tokens <> cast(cache_read_tokens as bigint) or cache_read_tokens not between 0 and 1000000000000
    or cache_write_5m_tokens <> cast(cache_write_5m_tokens as bigint)
    or cache_write_5m_tokens not between 0 and 1000000000000
    or cache_write_1h_tokens <> cast(cache_write_1h_tokens as bigint)
    or cache_write_1h_tokens not between 0 and 1000000000000
    or web_search_requests <> cast(web_search_requests as bigint)
    or web_search_requests not between 0 and 1000000000000;

insert into repairs (table_name, id, starts_at, found)
select 'budget_windows', w.budget_id, w.starts_at,
    'spent ' || w.spent_nanos || ', held ' || w.held_nanos || ', topped up ' || w.topped_up_nanos
from budget_windows w
where w.spent_nanos <> cast(w.spent_nanos as bigint) or w.spent_nanos not between 0 and 1000000000000000000
    or w.held_nanos <> cast(w.held_nanos as bigint) or w.held_nanos not between 0 and 1000000000000000000
    or w.topped_up_nanos <> cast(w.topped_up_nanos as bigint)
    or w.topped_up_nanos not between 0 and 1000000000000000000
    -- Until now a key's budget counted what the tenant's other keys spent.
    or w.budget_id in (select id from budgets where scope = 'key' and archived_at is null)
    or w.budget_id in (
        select b.id from repairs r join ledger l on l.id = r.id join budgets b
            on b.scope = 'installation' or (b.tenant_id = l.tenant_id and b.scope <> 'session')
                or (b.tenant_id = l.tenant_id and b.session_id = l.session_id)
        where r.table_name = 'ledger' and b.archived_at is null);

update ledger set
    held_nanos = case when cast(held_nanos as bigint) < 0 then 0
        when cast(held_nanos as bigint) > 1000000000000000 then 1000000000000000 else cast(held_nanos as bigint) end,
    cost_nanos = case when cast(cost_nanos as bigint) < -1000000000000000 then -1000000000000000
        when cast(cost_nanos as bigint) > 1000000000000000 then 1000000000000000 else cast(cost_nanos as bigint) end,
    input_tokens = case when cast(input_tokens as bigint) between 0 and 1000000000000
        then cast(input_tokens as bigint) else 0 end,
    output_tokens = case when cast(output_tokens as bigint) between 0 and 1000000000000
        then cast(output_tokens as bigint) else 0 end,
    cache_read_tokens = case when cast(cache_read_tokens as bigint) between 0 and 1000000000000
        then cast(cache_read_tokens as bigint) else 0 end,
    cache_write_5m_tokens = case when cast(cache_write_5m_tokens as bigint) between 0 and 1000000000000
        then cast(cache_write_5m_tokens as bigint) else 0 end,
    cache_write_1h_tokens = case when cast(cache_write_1h_tokens as bigint) between 0 and 1000000000000
        then cast(cache_write_1h_tokens as bigint) else 0 end,
    web_search_requests = case when cast(web_search_requests as bigint) between 0 and 1000000000000
        then cast(web_search_requests as bigint) else 0 end
where id in (select id from repairs where table_name = 'ledger');

-- The sums of tenants and models are taken again from the ledger, if anything in it or in them was wrong.
delete from ledger_totals
where exists (select 1 from repairs where table_name = 'ledger')
    or cost_nanos <> cast(cost_nanos as bigint) or calls <> cast(calls as bigint)
    or input_tokens <> cast(input_tokens as bigint) or output_tokens <> cast(output_tokens as bigint)
    or cache_read_tokens <> cast(cache_read_tokens as bigint)
    or cache_write_5m_tokens <> cast(cache_write_5m_tokens as bigint)
    or cache_write_1h_tokens <> cast(cache_write_1h_tokens as bigint)
    or web_search_requests <> cast(web_search_requests as bigint);

insert into ledger_totals
select tenant_id, model, count(*), sum(input_tokens), sum(output_tokens), sum(cache_read_tokens),
    sum(cache_write_5m_tokens), sum(cache_write_1h_tokens), sum(web_search_requests), sum(cost_nanos)
from ledger
where status in ('exact', 'estimated')
    and not exists (select 1 from ledger_totals t where t.tenant_id = ledger.tenant_id and t.model = ledger.model)
group by tenant_id, model;

update budgets set limit_nanos = case when cast(limit_nanos as bigint) < 0 then 0
    when cast(limit_nanos as bigint) > 1000000000000000000 then 1000000000000000000 else cast(limit_nanos as bigint) end
where limit_nanos <> cast(limit_nanos as bigint) or limit_nanos not between 0 and 1000000000000000000;

update turns set cost_nanos = case when cast(cost_nanos as bigint) < 0 then 0
    when cast(cost_nanos as bigint) > 1000000000000000000 then 1000000000000000000 else cast(cost_nanos as bigint) end
where cost_nanos <> cast(cost_nanos as bigint) or cost_nanos not between 0 and 1000000000000000000;

update turns set claimed_nanos = null where claimed_nanos not between 0 and 1000000000000000;

-- A check cannot be added to a table that is there, but a column can bring one.
alter table ledger add column amounts_checked bigint not null default 1 check (
    held_nanos between 0 and 1000000000000000
    and cost_nanos between -1000000000000000 and 1000000000000000
    and input_tokens between 0 and 1000000000000 and output_tokens between 0 and 1000000000000
    and cache_read_tokens between 0 and 1000000000000 and cache_write_5m_tokens between 0 and 1000000000000
    and cache_write_1h_tokens between 0 and 1000000000000 and web_search_requests between 0 and 1000000000000);

alter table budgets add column amounts_checked bigint not null default 1 check (
    limit_nanos between 0 and 1000000000000000000);

alter table turns add column amounts_checked bigint not null default 1 check (
    cost_nanos between 0 and 1000000000000000000);

create table checked_windows (
    budget_id text not null references budgets (id),
    starts_at bigint not null,
    spent_nanos bigint not null check (spent_nanos between 0 and 1000000000000000000),
    held_nanos bigint not null check (held_nanos between 0 and 1000000000000000000),
    -- The last threshold that was reported, in percent.
    told_percent bigint not null,
    topped_up_nanos bigint not null default 0 check (topped_up_nanos between 0 and 1000000000000000000),
    primary key (budget_id, starts_at)
);

insert into checked_windows (budget_id, starts_at, spent_nanos, held_nanos, told_percent, topped_up_nanos)
select budget_id, starts_at,
    case when cast(spent_nanos as bigint) < 0 then 0
        when cast(spent_nanos as bigint) > 1000000000000000000 then 1000000000000000000
        else cast(spent_nanos as bigint) end,
    case when cast(held_nanos as bigint) < 0 then 0
        when cast(held_nanos as bigint) > 1000000000000000000 then 1000000000000000000
        else cast(held_nanos as bigint) end,
    told_percent,
    case when cast(topped_up_nanos as bigint) < 0 then 0
        when cast(topped_up_nanos as bigint) > 1000000000000000000 then 1000000000000000000
        else cast(topped_up_nanos as bigint) end
from budget_windows;

drop table budget_windows;

alter table checked_windows rename to budget_windows;

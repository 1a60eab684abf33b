-- What all settled calls of a tenant and a model together used and cost, kept in the transactions that settle them: the
-- ledger only grows, and nobody who asks for the sums is to wait for it to be read.
create table ledger_totals (
    tenant_id text not null references tenants (id),
    model text not null,
    calls bigint not null,
    input_tokens bigint not null,
    output_tokens bigint not null,
    cache_read_tokens bigint not null,
    cache_write_5m_tokens bigint not null,
    cache_write_1h_tokens bigint not null,
    web_search_requests bigint not null,
    cost_nanos bigint not null,
    primary key (tenant_id, model)
);

insert into ledger_totals
select tenant_id, model, count(*), sum(input_tokens), sum(output_tokens), sum(cache_read_tokens),
    sum(cache_write_5m_tokens), sum(cache_write_1h_tokens), sum(web_search_requests), sum(cost_nanos)
from ledger
where status in ('exact', 'estimated')
group by tenant_id, model;

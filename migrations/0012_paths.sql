-- What a model call asks of the store is found by an index, however many budgets, sessions and calls there have been.

-- Budgets in force by what they bound, and in the order of their creation.
create index budgets_in_force on budgets (scope, tenant_id, key_id, session_id) where archived_at is null;

create index budgets_by_creation on budgets (created_at, id) where archived_at is null;

drop index budgets_by_tenant;

-- A budget of a session that was deleted bounds nothing.
update budgets set archived_at = created_at
where scope = 'session' and archived_at is null
    and not exists (select 1 from sessions where sessions.id = budgets.session_id);

-- Keys that took each other's place when they were rotated are one family: a budget of one bounds all of them.
alter table keys add column family text;

update keys set family = id;

create index keys_by_family on keys (family);

create index keys_by_tenant on keys (tenant_id, created_at, id);

-- Few rows of the ledger are open, corrections or estimates, so the indexes of these hold no others. Rows of exact calls are
-- kept out of them.
drop index ledger_by_status;

create index ledger_open on ledger (tenant_id, held_nanos) where status = 'open';

create index ledger_corrections on ledger (settled_at, id) where status = 'correction';

create index ledger_estimated on ledger (id) where status = 'estimated';

drop index ledger_by_corrected;

create index ledger_by_corrected on ledger (corrects) where corrects is not null;

drop index ledger_by_session;

create index ledger_by_session on ledger (tenant_id, session_id, opened_at);

create index session_files_by_turn on session_files (turn_id);

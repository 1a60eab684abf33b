-- When an operator asked that a turn be cancelled. The server that runs the turn reads this, whoever wrote it.
alter table turns add column cancel_requested_at bigint;

create index turns_to_cancel on turns (cancel_requested_at) where cancel_requested_at is not null and outcome is null;

-- Sessions of all tenants are listed by their creation.
create index sessions_by_creation on sessions (created_at, id);

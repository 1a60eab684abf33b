-- What the agent claims that a turn cost, in nano-dollars, to be compared with the ledger; null when it claims nothing that
-- could be compared. No limit and no bill is read from it.
alter table turns add column claimed_nanos bigint;

create index turns_by_end on turns (ended_at);

-- Corrections by the time they were made, and the oldest open call.
drop index ledger_by_status;

create index ledger_by_status on ledger (status, settled_at);

-- Why the cost of an `estimated` call is not the provider's report of it; null for all other rows, and for older ones.
alter table ledger add column estimate_reason text;

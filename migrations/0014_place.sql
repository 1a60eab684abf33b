-- Where the data directory was when its installation was last started: a copy of it is somewhere else, and becomes an
-- installation of its own. Null until the first start of a server that records it.
alter table installation add column place text;

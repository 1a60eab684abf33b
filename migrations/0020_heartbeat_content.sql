-- What a heartbeat writes, as large as the writes of a request.
alter table heartbeat add column content text not null default '';

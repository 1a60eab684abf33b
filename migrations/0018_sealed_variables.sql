-- The variables of a turn that has not ended, sealed with the key of the installation. They are gone when it ends.
alter table turns add column sealed_env text;

-- Turns whose variables lie in clear in their spec. The program seals or removes them when it opens the database next.
create table unsealed_turns (turn_id text primary key);

insert into unsealed_turns (turn_id) select id from turns where spec like '%"env":{"%';

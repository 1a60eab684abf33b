-- One row, which is written to find out whether the database can be written.
create table heartbeat (
    id bigint primary key,
    beats bigint not null
);

insert into heartbeat (id, beats) values (1, 0);

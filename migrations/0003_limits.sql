-- What each tenant may use, and whether it may begin anything.
alter table tenants add column limits text not null default '{}';

alter table tenants add column state text not null default 'active';

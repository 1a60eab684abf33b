-- What operators put right: more for a budget's window, and the costs of calls.
alter table budget_windows add column topped_up_nanos bigint not null default 0;

create table top_ups (
    budget_id text not null references budgets (id),
    starts_at bigint not null,
    amount_nanos bigint not null,
    actor text not null,
    reason text not null,
    at bigint not null
);

-- A correction is a row of the ledger with the status `correction`: what it adds to the cost of the call it corrects,
-- in that call's time, by whom and why. No row is ever changed for one.
alter table ledger add column corrects text references ledger (id);

alter table ledger add column actor text;

alter table ledger add column reason text;

create index ledger_by_corrected on ledger (corrects);

-- The thresholds budgets reached, once in each window.
create table budget_events (
    budget_id text not null references budgets (id),
    starts_at bigint not null,
    percent bigint not null,
    spent_nanos bigint not null,
    limit_nanos bigint not null,
    at bigint not null,
    primary key (budget_id, starts_at, percent)
);

-- Whether a budget was asked for with a turn (1), and so may be changed by the next; operators' are not (0).
alter table budgets add column by_request bigint not null default 0;

create index budgets_by_session on budgets (session_id);

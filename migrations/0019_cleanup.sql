-- A session that is being deleted has no turns any more, so that nobody sees it. Its events and its transcript go piece by piece.
create index sessions_deleted on sessions (id) where turn_count = 0;

-- Budgets of sessions that bound nothing any more: they go with their sessions.
create index budgets_ended on budgets (id) where scope = 'session' and archived_at is not null;

create index top_ups_by_budget on top_ups (budget_id);

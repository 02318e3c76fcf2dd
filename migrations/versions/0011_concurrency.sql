-- What a run waits for before it is sent: its place among the runs that share its key. A run with a
-- key holds it from `granted_at` until it is recorded as ended; nothing has to be freed.
-- Safe while workers are live: it only adds; runs of older processes have no key and priority 5.

alter table runs
    add column priority smallint not null default 5,
    add column concurrency_key text collate "C",
    add column concurrency_limit integer,
    add column granted_at timestamptz,
    add constraint runs_priority_check check (priority between 1 and 10),
    add constraint runs_concurrency_check
        check ((concurrency_key is null) = (concurrency_limit is null) and concurrency_limit > 0),
    add constraint runs_granted_at_check check (granted_at is null or concurrency_key is not null);

create index runs_concurrency_idx on runs (tenant, workflow, concurrency_key)
    where concurrency_key is not null and status < 6;
create index runs_queued_idx on runs (tenant, workflow, concurrency_key)
    where concurrency_key is not null and granted_at is null and status < 6;

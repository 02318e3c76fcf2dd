-- What people are asked and what they answered: a projection of the history, kept by the recorder
-- in the transaction that stores the events. Safe while workers are live: it only adds.

-- Values that travel on to other nodes stay the JSON text that the event had: jsonb cannot hold
-- every string. `seq` is the run's event that the row was last brought up to.
create table approvals (
    id text collate "C" not null,
    tenant text not null,
    run_id text collate "C" not null,
    node text collate "C" not null,
    gen integer not null,
    workflow text not null,
    message text not null,
    payload bytea not null,
    form jsonb,
    assignees text[] not null,
    groups text[] not null,
    status text not null default 'pending',
    requested_at timestamptz not null,
    expires_at timestamptz,
    decided_at timestamptz,
    decided_by text,
    comment text,
    decided_payload bytea,
    seq bigint not null,
    constraint approvals_pkey primary key (id),
    constraint approvals_execution_key unique (run_id, node, gen),
    constraint approvals_status_check
        check (status in ('pending', 'approved', 'rejected', 'expired', 'cancelled')),
    constraint approvals_decided_at_check check ((status = 'pending') = (decided_at is null)),
    constraint approvals_decided_by_check
        check ((status in ('approved', 'rejected')) = (decided_by is not null)),
    constraint approvals_seq_check check (seq >= 1)
);

create index approvals_requested_idx on approvals (tenant, requested_at desc, id desc);
create index approvals_pending_idx on approvals (tenant, requested_at desc, id desc)
    where status = 'pending';
-- For the end of a run, of which the recorder sees thousands a second.
create index approvals_open_idx on approvals (run_id) where status = 'pending';

-- The last progress that each execution told of, beside the history: best effort.
-- Safe while workers are live: it only adds. `id` grows at every change, for readers that follow.

create table node_progress (
    run_id text collate "C" not null,
    node text collate "C" not null,
    gen integer not null,
    attempt integer not null,
    id bigint generated always as identity,
    time timestamptz not null,
    fraction double precision,
    message text not null,
    constraint node_progress_pkey primary key (run_id, node, gen, attempt)
);

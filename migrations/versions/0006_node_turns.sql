-- Turns of the models behind agent nodes, beside the history: best effort.
-- Safe while workers are live: it only adds. `details` is null until the turn is finished; until
-- then `text` is what was said so far. A turn belongs to an execution, not to one attempt of it.

create table node_turns (
    run_id text collate "C" not null,
    node text collate "C" not null,
    gen integer not null,
    turn integer not null,
    attempt integer not null,
    time timestamptz not null,
    text text not null,
    details jsonb,
    constraint node_turns_pkey primary key (run_id, node, gen, turn)
);

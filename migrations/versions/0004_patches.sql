-- Patches of runs: asked by the API, answered by events. Safe while workers are live: it only adds.

-- What a run is on since its last patch; null as long as that is what it started on. The recorder
-- writes both in the transaction of the event.
alter table runs
    add column current_document_digest text,
    add column current_ir_digest text,
    add column patches integer not null default 0;

-- One row an attempt: a patch whose base had moved is tried again under the same id with the next
-- number. `operations` are kept as the text that was sent.
create table patches (
    run_id text collate "C" not null,
    number integer not null,
    patch text collate "C" not null,
    tenant text not null,
    by text not null,
    by_agent boolean not null,
    note text,
    operations bytea not null,
    base_document_digest text not null,
    document_digest text not null,
    ir_digest text not null,
    status text not null default 'pending',
    reason text,
    detail jsonb,
    created_at timestamptz not null default now(),
    decided_at timestamptz,
    seq bigint,
    constraint patches_pkey primary key (run_id, number),
    constraint patches_status_check check (status in ('pending', 'applied', 'refused')),
    constraint patches_decided_check check ((status = 'pending') = (decided_at is null)),
    constraint patches_seq_check check ((seq is null) = (status = 'pending'))
);

create index patches_patch_idx on patches (run_id, patch);

-- Tables of the foundation: definitions, runs, their history, and what people look up.
-- Postgres holds acceptance and history. Safe while workers are live: it only adds.
-- Ids compare by bytes (collate "C"): cheap, and the same order everywhere.

create table settings (
    key text not null,
    value jsonb not null,
    constraint settings_pkey primary key (key)
);

insert into settings (key, value) values ('partitions', '8');

-- A secret has 256 random bits, so a plain sha256 of it is enough.
create table api_keys (
    id text collate "C" not null,
    tenant text not null,
    name text not null,
    secret_hash bytea not null,
    roles text[] not null,
    kind text not null,
    groups text[] not null default '{}',
    created_at timestamptz not null default now(),
    revoked_at timestamptz,
    constraint api_keys_pkey primary key (id),
    constraint api_keys_secret_hash_key unique (secret_hash),
    constraint api_keys_secret_hash_check check (octet_length(secret_hash) = 32)
);

-- The durable side of the content-addressed store. External storage: whole values are read,
-- and what is worth compressing is compressed before it is put.
create table blobs (
    tenant text not null,
    digest text collate "C" not null,
    data bytea not null,
    size_bytes bigint not null,
    created_at timestamptz not null default now(),
    constraint blobs_pkey primary key (tenant, digest),
    constraint blobs_digest_check check (digest like 'sha256:%'),
    constraint blobs_size_bytes_check check (size_bytes = octet_length(data))
);

alter table blobs alter column data set storage external;

create table workflows (
    tenant text not null,
    name text not null,
    latest_version integer not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    constraint workflows_pkey primary key (tenant, name),
    constraint workflows_latest_version_check check (latest_version >= 1)
);

-- Document and compiled form lie in blobs; `digest` equals `document_digest`.
create table workflow_versions (
    tenant text not null,
    name text not null,
    version integer not null,
    digest text collate "C" not null,
    document_digest text collate "C" not null,
    ir_digest text collate "C" not null,
    created_at timestamptz not null default now(),
    principal text not null,
    constraint workflow_versions_pkey primary key (tenant, name, version),
    constraint workflow_versions_digest_key unique (tenant, name, digest),
    constraint workflow_versions_version_check check (version >= 1)
);

create table node_types (
    tenant text not null default '',
    name text not null,
    spec jsonb not null,
    first_seen_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    constraint node_types_pkey primary key (tenant, name)
);

-- Acceptance (written by the orchestrator: everything up to start_values, last_command, relayed_at)
-- and the projection of the history (written by the recorder alone: status, cmd, seq, last_commit,
-- counter, outputs, error, started_at, ended_at, restore_requested, fork).
-- The projection changes with every transition: free space keeps those updates on their page.
create table runs (
    id text collate "C" not null,
    tenant text not null,
    partition integer not null,
    workflow text not null,
    version integer,
    document_digest text collate "C" not null,
    ir_digest text collate "C" not null,
    status smallint not null default 0,
    cmd integer not null default -1,
    last_command integer not null default 0,
    seq bigint not null default 0,
    last_commit text collate "C" not null default '',
    counter integer not null default 0,
    inputs bytea,
    inputs_ref jsonb,
    outputs bytea,
    outputs_ref jsonb,
    error jsonb,
    labels jsonb not null default '{}',
    principal text not null,
    idempotency_key text,
    request_digest text collate "C",
    retry_of text collate "C",
    traceparent text,
    accepted_at timestamptz not null default now(),
    started_at timestamptz,
    ended_at timestamptz,
    start_values jsonb,
    relayed_at timestamptz,
    restore_requested boolean not null default false,
    fork boolean not null default false,
    constraint runs_pkey primary key (id),
    constraint runs_partition_check check (partition >= 0),
    constraint runs_status_check check (status between 0 and 9),
    constraint runs_cmd_check check (cmd >= -1),
    constraint runs_seq_check check (seq >= 0),
    constraint runs_counter_check check (counter >= 0),
    constraint runs_ended_at_check check ((status >= 6) = (ended_at is not null)),
    constraint runs_fork_check check (restore_requested or not fork)
) with (fillfactor = 75);

create unique index runs_idempotency_key_idx on runs (tenant, idempotency_key)
    where idempotency_key is not null;
create index runs_accepted_idx on runs (tenant, accepted_at desc, id desc);
create index runs_live_idx on runs (id) where status < 6;
create index runs_unconfirmed_idx on runs (id) where cmd < last_command;
create index runs_restore_idx on runs (id) where restore_requested;

-- Start is number 0; its content is the row of the run.
create table commands (
    run_id text collate "C" not null,
    number integer not null,
    name text not null,
    data jsonb not null default '{}',
    principal text not null,
    idempotency_key text,
    created_at timestamptz not null default now(),
    constraint commands_pkey primary key (run_id, number),
    constraint commands_idempotency_key_key unique (run_id, idempotency_key),
    constraint commands_run_id_fkey foreign key (run_id) references runs (id) on delete cascade,
    constraint commands_number_check check (number >= 0)
);

-- One row a transition; `events` is the JSON of its list of events. No foreign key: the recorder
-- reads the run's row anyway, and a trigger a row would cost more than the insert.
create table transitions (
    run_id text collate "C" not null,
    first_seq bigint not null,
    last_seq bigint not null,
    commit_id text collate "C" not null,
    prev text collate "C" not null,
    time timestamptz not null,
    events bytea not null,
    constraint transitions_pkey primary key (run_id, first_seq)
);

create table node_logs (
    id bigint generated always as identity,
    run_id text collate "C" not null,
    node text collate "C" not null,
    gen integer not null,
    attempt integer not null,
    time timestamptz not null,
    level text not null,
    message text not null,
    fields jsonb not null default '{}',
    constraint node_logs_pkey primary key (id)
);

create index node_logs_node_idx on node_logs (run_id, node, id);

-- Told by workers beside the history: best effort.
create table node_started (
    run_id text collate "C" not null,
    node text collate "C" not null,
    gen integer not null,
    attempt integer not null,
    time timestamptz not null,
    worker text not null,
    constraint node_started_pkey primary key (run_id, node, gen, attempt)
);

create table dead_letters (
    id bigint generated always as identity,
    tenant text not null,
    run_id text collate "C",
    node text collate "C",
    kind text not null,
    data jsonb not null,
    created_at timestamptz not null default now(),
    discarded_at timestamptz,
    constraint dead_letters_pkey primary key (id)
);

create index dead_letters_run_idx on dead_letters (run_id);
create index dead_letters_open_idx on dead_letters (tenant, id desc) where discarded_at is null;

-- How far the live stream was read; the durable stream needs no cursor.
create table live_cursors (
    partition integer not null,
    cursor text not null,
    constraint live_cursors_pkey primary key (partition)
);

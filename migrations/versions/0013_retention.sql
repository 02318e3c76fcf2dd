-- What is needed to delete: which blobs are still used and by what, when runs ended, and which runs
-- were deleted. Workers may be live; recorders of before do not note uses, so replace them before
-- blobs that they recorded are an hour without one. Writes to runs wait while indexes are built.

-- One row a blob that the history, the inputs or the kept results of a run name. Documents and
-- compiled documents are found by the columns of runs, workflow_versions and patches instead.
create table blob_uses (
    tenant text not null,
    digest text collate "C" not null,
    run_id text collate "C" not null,
    constraint blob_uses_pkey primary key (tenant, digest, run_id)
);
create index blob_uses_run_idx on blob_uses (run_id);

-- Blobs that a blob names: the bodies of a compiled document, the large results of a map.
create table blob_links (
    tenant text not null,
    owner text collate "C" not null,
    digest text collate "C" not null,
    constraint blob_links_pkey primary key (tenant, owner, digest)
);
create index blob_links_digest_idx on blob_links (tenant, digest);

-- Since when nothing has named the blob; null while something does, or nobody has looked.
alter table blobs add column unreferenced_at timestamptz;
create index blobs_unreferenced_idx on blobs (unreferenced_at) where unreferenced_at is not null;

create index runs_ended_idx on runs (ended_at, id) where ended_at is not null;
create index runs_document_idx on runs (tenant, document_digest);
create index runs_ir_idx on runs (tenant, ir_digest);
create index runs_current_document_idx on runs (tenant, current_document_digest)
    where current_document_digest is not null;
create index runs_current_ir_idx on runs (tenant, current_ir_digest)
    where current_ir_digest is not null;
create index workflow_versions_document_idx on workflow_versions (tenant, document_digest);
create index workflow_versions_ir_idx on workflow_versions (tenant, ir_digest);
create index patches_document_idx on patches (tenant, document_digest)
    where document_digest is not null;
create index patches_ir_idx on patches (tenant, ir_digest) where ir_digest is not null;

-- Runs that were deleted, for a while: what is left of them is deleted bit by bit, and what is told
-- of them late is known for what it is. `swept_at` is when all that belonged to them was gone.
create table deleted_runs (
    id text collate "C" not null,
    tenant text not null,
    partition integer not null,
    deleted_at timestamptz not null default now(),
    deleted_by text not null,
    swept_at timestamptz,
    constraint deleted_runs_pkey primary key (id)
);
create index deleted_runs_unswept_idx on deleted_runs (id) where swept_at is null;
create index deleted_runs_deleted_idx on deleted_runs (deleted_at);

-- What was recorded so far. Bytes are looked at as they are: a text of them might not be one.
insert into blob_uses (tenant, digest, run_id)
select r.tenant, found[1], r.id from transitions t join runs r on r.id = t.run_id
cross join lateral regexp_matches(
    encode(t.events, 'escape'), '"\$cas":"(sha256:[0-9a-f]{64})"', 'g') as found
where position('"$cas"'::bytea in t.events) > 0
on conflict do nothing;

insert into blob_uses (tenant, digest, run_id)
select tenant, inputs_ref ->> '$cas', id from runs where inputs_ref is not null
on conflict do nothing;

insert into blob_uses (tenant, digest, run_id)
select r.tenant, found[1], r.id from runs r
cross join lateral regexp_matches(
    encode(r.kept, 'escape'), '"\$cas":"(sha256:[0-9a-f]{64})"', 'g') as found
where r.kept is not null
on conflict do nothing;

insert into blob_links (tenant, owner, digest)
select b.tenant, b.digest, found[1] from blobs b
cross join lateral regexp_matches(
    encode(b.data, 'escape'), '"(?:\$cas|ir|document)":"(sha256:[0-9a-f]{64})"', 'g') as found
where position('"sha256:'::bytea in b.data) > 0
on conflict do nothing

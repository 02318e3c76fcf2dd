-- Attempts without a command: refused at once, so they have no number, no event and perhaps no
-- document. Safe while workers are live; the short rewrite of the table blocks patches meanwhile.

alter table patches
    drop constraint patches_pkey,
    drop constraint patches_seq_check,
    alter column number drop not null,
    alter column document_digest drop not null,
    alter column ir_digest drop not null,
    add column id bigint generated always as identity,
    add constraint patches_pkey primary key (id),
    add constraint patches_number_key unique (run_id, number),
    add constraint patches_seq_check check ((seq is null) = (status = 'pending' or number is null)),
    add constraint patches_number_check check (number is not null or status = 'refused');

-- The same request again replaces what it was told before.
create unique index patches_refused_idx on patches (run_id, patch) where number is null;
create index patches_list_idx on patches (run_id, id);

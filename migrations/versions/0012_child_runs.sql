alter table runs add column parent_run text collate "C", add column child jsonb;
create index runs_children_idx on runs (parent_run, id) where parent_run is not null;
create index runs_roots_idx on runs (tenant, accepted_at desc, id desc) where parent_run is null

-- What a run was seeded with: JSON of {node: Kept}, null for most. Safe while workers are live: it
-- only adds. It may be long; Postgres keeps it apart from the row, so projections do not copy it.

alter table runs add column kept bytea;

-- For the runs that were made from one.
create index runs_retry_of_idx on runs (retry_of) where retry_of is not null;

-- Indexes for lists of runs, all in the order of the list: newest first.
-- Safe while workers are live: it only adds; writes to runs wait while it builds.
-- No index on `status` itself: it changes, and most runs end well, so the list of those is dense
-- enough in runs_accepted_idx. Its predicates stand in other indexes already, so that updates
-- which could stay on their page still do.

create index runs_workflow_idx on runs (tenant, workflow, accepted_at desc, id desc);
create index runs_wrong_idx on runs (tenant, status, accepted_at desc, id desc) where status > 6;
create index runs_live_accepted_idx on runs (tenant, accepted_at desc, id desc) where status < 6;

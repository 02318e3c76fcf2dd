-- The reason in the event that refused a command, written by the recorder; null for what was
-- applied or is not recorded yet. Safe while workers are live: it only adds.

alter table commands add column refused text;

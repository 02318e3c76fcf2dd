-- An open letter has no settlement. Workers do not read this table; an orchestrator of before
-- cannot list it until it is replaced, because discarded_at, which nothing wrote, makes room.

drop index dead_letters_open_idx;

alter table dead_letters
    drop column discarded_at,
    add column settlement text,
    add column settled_at timestamptz,
    add column settled_by text,
    add column retry_run text collate "C",
    add constraint dead_letters_settlement_check check (settlement in ('retried', 'discarded')),
    add constraint dead_letters_settled_check
        check ((settlement is null) = (settled_at is null)
            and (settlement is null) = (settled_by is null)),
    add constraint dead_letters_retry_run_check
        check ((retry_run is not null) = (settlement is not distinct from 'retried'));

create index dead_letters_open_idx on dead_letters (tenant, id desc) where settlement is null;
create index dead_letters_tenant_idx on dead_letters (tenant, id desc);

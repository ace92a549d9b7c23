-- Duties of the scheduler: statistics, queues of agents that are gone, news.

-- Owned by whoever installed the original, who need not be the owner of the rest.
DO $$
DECLARE
    owner text := (SELECT pg_get_userbyid(relowner) FROM pg_class
        WHERE oid = to_regclass('public.agents_stats')
        AND NOT pg_has_role(relowner, 'USAGE'));
BEGIN
    IF owner IS NOT NULL THEN
        RAISE EXCEPTION 'table agents_stats belongs to %: let % run `ALTER TABLE agents_stats OWNER TO %` in this database first',
            owner, owner, current_user;
    END IF;
END $$;

CREATE TABLE IF NOT EXISTS agents_stats (
    "timestamp"              timestamptz NOT NULL,
    online_agents            numeric,
    online_agents_by_version json,
    online_endpoints         numeric,
    idle_agents              numeric,
    idle_agents_by_version   json,
    idle_endpoints           numeric,
    new_endpoints            numeric,
    multi_agents_endpoints   numeric,
    disappeared_endpoints    numeric,
    flapping_endpoints       numeric
);
CREATE INDEX agents_stats_timestamp ON agents_stats ("timestamp");

ALTER TABLE agents
    -- Workers were told of it, as far as there are any.
    ADD COLUMN announced boolean NOT NULL DEFAULT true,
    -- It is gone, and so is its queue on the relay.
    ADD COLUMN queuedeleted boolean NOT NULL DEFAULT false;
ALTER TABLE agents ALTER COLUMN announced SET DEFAULT false;
CREATE INDEX agents_unannounced ON agents (starttime) WHERE NOT announced;
CREATE INDEX agents_queue_left ON agents (heartbeattime)
    WHERE status = 'offline' AND NOT queuedeleted;

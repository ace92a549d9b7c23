-- Duties of the scheduler: statistics, queues of agents that are gone, news.

CREATE TABLE agents_stats (
    timestamp                INTEGER NOT NULL,
    online_agents            INTEGER NOT NULL,
    online_agents_by_version TEXT NOT NULL,
    online_endpoints         INTEGER NOT NULL,
    idle_agents              INTEGER NOT NULL,
    idle_agents_by_version   TEXT NOT NULL,
    idle_endpoints           INTEGER NOT NULL,
    new_endpoints            INTEGER NOT NULL,
    multi_agents_endpoints   INTEGER NOT NULL,
    disappeared_endpoints    INTEGER NOT NULL,
    flapping_endpoints       INTEGER NOT NULL
) STRICT;
CREATE INDEX agents_stats_timestamp ON agents_stats (timestamp);

-- 1 once workers were told of it, as far as there are any.
ALTER TABLE agents ADD COLUMN announced INTEGER NOT NULL DEFAULT 0;
UPDATE agents SET announced = 1;
-- 1 when it is gone, and so is its queue on the relay.
ALTER TABLE agents ADD COLUMN queuedeleted INTEGER NOT NULL DEFAULT 0;
CREATE INDEX agents_unannounced ON agents (starttime) WHERE announced = 0;
CREATE INDEX agents_queue_left ON agents (heartbeattime)
    WHERE status = 'offline' AND queuedeleted = 0;

-- The end of version 1, the same for a new database and for an original's.

CREATE UNIQUE INDEX investigators_pgpfingerprint ON investigators (pgpfingerprint);

ALTER TABLE signatures
    ADD PRIMARY KEY (actionid, investigatorid),
    ADD CONSTRAINT signatures_actionid_fkey
        FOREIGN KEY (actionid) REFERENCES actions ON DELETE CASCADE,
    ADD CONSTRAINT signatures_investigatorid_fkey
        FOREIGN KEY (investigatorid) REFERENCES investigators;
CREATE INDEX signatures_investigatorid ON signatures (investigatorid);

ALTER TABLE commands
    ADD CONSTRAINT commands_actionid_fkey
        FOREIGN KEY (actionid) REFERENCES actions ON DELETE CASCADE,
    ADD CONSTRAINT commands_agentid_fkey FOREIGN KEY (agentid) REFERENCES agents;
CREATE INDEX commands_actionid ON commands (actionid, status);
CREATE INDEX commands_agentid ON commands (agentid);
CREATE INDEX commands_starttime ON commands (starttime);
-- Which of the agents that are heard of have a command waiting.
CREATE INDEX commands_awaited ON commands USING hash (queueloc) WHERE status = 'sent';

CREATE INDEX actions_status ON actions (status, expireafter);
CREATE INDEX actions_starttime ON actions (starttime);
CREATE INDEX actions_validfrom ON actions (validfrom);

-- One living row for a process, however many hear of it at once. The digest,
-- because a stranger chooses how long the name is; the name's beginning (all of
-- it, as far as agents are let in with one), because he also finds two names of
-- one digest.
CREATE UNIQUE INDEX agents_process ON agents (md5(queueloc), left(queueloc, 256), pid)
    WHERE status <> 'offline';
CREATE INDEX agents_queueloc ON agents USING hash (queueloc);
CREATE INDEX agents_heartbeattime ON agents (heartbeattime);
CREATE INDEX agents_status ON agents (status, heartbeattime);

-- The next identifier of actions, commands and agents.
CREATE TABLE identifiers (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    next bigint NOT NULL
);
INSERT INTO identifiers (next) SELECT 1 + greatest(0, (SELECT max(id) FROM actions),
    (SELECT max(id) FROM commands), (SELECT max(id) FROM agents));

-- Several schedulers may work on one database: each publishes what it holds.
CREATE TABLE schedulers (
    holder bigint PRIMARY KEY,
    -- When it last said that it lives.
    seen   timestamptz NOT NULL
);

-- Commands that the relay has not confirmed yet.
CREATE TABLE outbox (
    commandid bigint PRIMARY KEY REFERENCES commands ON DELETE CASCADE,
    holder    bigint REFERENCES schedulers ON DELETE SET NULL
);
CREATE INDEX outbox_holder ON outbox (holder);

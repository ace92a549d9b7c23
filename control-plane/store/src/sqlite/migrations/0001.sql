-- The tables of the original, as far as they are used here. Times are integer
-- microseconds since the Unix epoch, documents are JSON text.

CREATE TABLE identifiers (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    next INTEGER NOT NULL
) STRICT;
INSERT INTO identifiers VALUES (1, 1);

CREATE TABLE investigators (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    name           TEXT NOT NULL,
    pgpfingerprint TEXT UNIQUE,
    publickey      BLOB,
    privatekey     BLOB,
    status         TEXT NOT NULL,
    createdat      INTEGER NOT NULL,
    lastmodified   INTEGER NOT NULL,
    permissions    INTEGER NOT NULL DEFAULT 0,
    apikey         BLOB,
    apisalt        BLOB
) STRICT;

CREATE TABLE actions (
    id             INTEGER PRIMARY KEY,
    name           TEXT NOT NULL,
    target         TEXT NOT NULL,
    description    TEXT NOT NULL,
    threat         TEXT NOT NULL,
    operations     TEXT NOT NULL,
    validfrom      INTEGER NOT NULL,
    expireafter    INTEGER NOT NULL,
    starttime      INTEGER NOT NULL,
    finishtime     INTEGER NOT NULL,
    lastupdatetime INTEGER NOT NULL,
    status         TEXT NOT NULL,
    syntaxversion  INTEGER NOT NULL,
    pgpsignatures  TEXT NOT NULL,
    reason         TEXT
) STRICT;
CREATE INDEX actions_status ON actions (status, expireafter);
CREATE INDEX actions_starttime ON actions (starttime);
CREATE INDEX actions_validfrom ON actions (validfrom);

CREATE TABLE signatures (
    actionid       INTEGER NOT NULL REFERENCES actions ON DELETE CASCADE,
    investigatorid INTEGER NOT NULL REFERENCES investigators,
    pgpsignature   TEXT NOT NULL,
    PRIMARY KEY (actionid, investigatorid)
) STRICT, WITHOUT ROWID;
CREATE INDEX signatures_investigatorid ON signatures (investigatorid);

CREATE TABLE agents (
    id              INTEGER PRIMARY KEY,
    name            TEXT NOT NULL,
    queueloc        TEXT NOT NULL,
    mode            TEXT NOT NULL,
    version         TEXT NOT NULL,
    pid             INTEGER NOT NULL,
    starttime       INTEGER NOT NULL,
    destructiontime INTEGER NOT NULL,
    heartbeattime   INTEGER NOT NULL,
    refreshtime     INTEGER NOT NULL,
    status          TEXT NOT NULL,
    environment     TEXT NOT NULL,
    tags            TEXT NOT NULL,
    loadername      TEXT
) STRICT;
CREATE INDEX agents_queueloc ON agents (queueloc, pid);
CREATE INDEX agents_heartbeattime ON agents (heartbeattime);
CREATE INDEX agents_status ON agents (status, heartbeattime);

CREATE TABLE commands (
    id         INTEGER PRIMARY KEY,
    actionid   INTEGER NOT NULL REFERENCES actions ON DELETE CASCADE,
    agentid    INTEGER NOT NULL REFERENCES agents,
    -- The agent's identity, which its answer must carry.
    queueloc   TEXT NOT NULL,
    status     TEXT NOT NULL,
    results    TEXT NOT NULL,
    starttime  INTEGER NOT NULL,
    finishtime INTEGER NOT NULL,
    -- 1 once the agent answered: an answer is stored once.
    answered   INTEGER NOT NULL DEFAULT 0,
    -- What "foundanything" of the results holds: 1 for false, 2 for true, added.
    found      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX commands_actionid ON commands (actionid, status);
CREATE INDEX commands_agentid ON commands (agentid);
CREATE INDEX commands_starttime ON commands (starttime);

-- Commands that the relay has not confirmed yet.
CREATE TABLE outbox (
    commandid INTEGER PRIMARY KEY REFERENCES commands ON DELETE CASCADE
) STRICT;

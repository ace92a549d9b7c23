-- A database as the original's installation scripts leave it, in use.
CREATE TABLE actions (
    id numeric NOT NULL, name character varying(2048) NOT NULL,
    target character varying(2048) NOT NULL, description json, threat json, operations json,
    validfrom timestamp with time zone NOT NULL, expireafter timestamp with time zone NOT NULL,
    starttime timestamp with time zone, finishtime timestamp with time zone,
    lastupdatetime timestamp with time zone, status character varying(256),
    syntaxversion integer, pgpsignatures character varying(4096) NOT NULL);
ALTER TABLE actions ADD CONSTRAINT actions_pkey PRIMARY KEY (id);
CREATE TABLE agents (
    id numeric NOT NULL, name character varying(2048) NOT NULL,
    queueloc character varying(2048) NOT NULL, mode character varying(2048) NOT NULL,
    version character varying(2048) NOT NULL, pid integer NOT NULL,
    starttime timestamp with time zone NOT NULL, destructiontime timestamp with time zone,
    heartbeattime timestamp with time zone NOT NULL, refreshtime timestamp with time zone,
    status character varying(255), environment json, tags json,
    loadername character varying(2048));
ALTER TABLE agents ADD CONSTRAINT agents_pkey PRIMARY KEY (id);
CREATE INDEX agents_heartbeattime_idx ON agents (heartbeattime DESC);
CREATE INDEX agents_starttime_idx ON agents (starttime DESC);
CREATE INDEX agents_queueloc_pid_idx ON agents (queueloc, pid);
CREATE INDEX agents_status_idx ON agents (status);
CREATE TABLE agents_stats (
    "timestamp" timestamp with time zone NOT NULL, online_agents numeric,
    online_agents_by_version json, online_endpoints numeric, idle_agents numeric,
    idle_agents_by_version json, idle_endpoints numeric, new_endpoints numeric,
    multi_agents_endpoints numeric, disappeared_endpoints numeric, flapping_endpoints numeric);
CREATE TABLE commands (
    id numeric NOT NULL, actionid numeric NOT NULL, agentid numeric NOT NULL,
    status character varying(255) NOT NULL, results json,
    starttime timestamp with time zone NOT NULL, finishtime timestamp with time zone);
ALTER TABLE commands ADD CONSTRAINT commands_pkey PRIMARY KEY (id);
CREATE INDEX commands_agentid ON commands (agentid DESC);
CREATE INDEX commands_actionid ON commands (actionid DESC);
CREATE SEQUENCE investigators_id_seq;
CREATE TABLE investigators (
    id numeric NOT NULL DEFAULT nextval('investigators_id_seq'::regclass),
    name character varying(1024) NOT NULL, pgpfingerprint character varying(128),
    publickey bytea, privatekey bytea, status character varying(255) NOT NULL,
    createdat timestamp with time zone NOT NULL, lastmodified timestamp with time zone NOT NULL,
    permissions bigint NOT NULL DEFAULT 0, apikey bytea, apisalt bytea);
ALTER SEQUENCE investigators_id_seq OWNED BY investigators.id;
ALTER TABLE investigators ADD CONSTRAINT investigators_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX investigators_pgpfingerprint_idx ON investigators (pgpfingerprint DESC);
CREATE TABLE signatures (
    actionid numeric NOT NULL, investigatorid numeric NOT NULL,
    pgpsignature character varying(4096) NOT NULL);
CREATE UNIQUE INDEX signatures_actionid_investigatorid_idx ON signatures (actionid, investigatorid);
CREATE INDEX signatures_actionid ON signatures (actionid);
CREATE INDEX signatures_investigatorid ON signatures (investigatorid);
CREATE TABLE modules (id numeric NOT NULL PRIMARY KEY, name character varying(256) NOT NULL);
CREATE TABLE agtmodreq (moduleid numeric NOT NULL, agentid numeric NOT NULL, minimumweight integer NOT NULL);
CREATE TABLE invagtmodperm (
    investigatorid numeric NOT NULL, agentid numeric NOT NULL, moduleid numeric NOT NULL,
    weight integer NOT NULL);
CREATE TABLE manifests (
    id numeric NOT NULL PRIMARY KEY, name character varying(256) NOT NULL, content text NOT NULL,
    "timestamp" timestamp with time zone NOT NULL, status character varying(255) NOT NULL,
    target character varying(2048) NOT NULL);
CREATE TABLE manifestsig (
    manifestid numeric NOT NULL REFERENCES manifests, investigatorid numeric NOT NULL,
    pgpsignature character varying(4096) NOT NULL);
CREATE UNIQUE INDEX manifestsig_idx ON manifestsig (manifestid, investigatorid);
ALTER TABLE commands ADD CONSTRAINT commands_actionid_fkey FOREIGN KEY (actionid) REFERENCES actions (id);
ALTER TABLE commands ADD CONSTRAINT commands_agentid_fkey FOREIGN KEY (agentid) REFERENCES agents (id);
ALTER TABLE signatures ADD CONSTRAINT signatures_actionid_fkey FOREIGN KEY (actionid) REFERENCES actions (id);
ALTER TABLE signatures ADD CONSTRAINT signatures_investigatorid_fkey FOREIGN KEY (investigatorid) REFERENCES investigators (id);
ALTER TABLE agtmodreq ADD CONSTRAINT agtmodreq_moduleid_fkey FOREIGN KEY (moduleid) REFERENCES modules (id);
ALTER TABLE agtmodreq ADD CONSTRAINT agtmodreq_agentid_fkey FOREIGN KEY (agentid) REFERENCES agents (id);
ALTER TABLE invagtmodperm ADD CONSTRAINT invagtmodperm_investigatorid_fkey FOREIGN KEY (investigatorid) REFERENCES investigators (id);
ALTER TABLE invagtmodperm ADD CONSTRAINT invagtmodperm_agentid_fkey FOREIGN KEY (agentid) REFERENCES agents (id);

INSERT INTO investigators (name, pgpfingerprint, publickey, status, createdat, lastmodified, permissions) VALUES
    ('Ada', 'AA11', 'key of Ada', 'active', '2019-01-01 00:00:00+00', '2019-02-01 00:00:00+00', 524287),
    ('migscheduler', 'BB22', 'key', 'active', '2019-01-01 00:00:00+00', '2019-01-01 00:00:00+00', 0),
    ('Keyless', NULL, NULL, 'disabled', '2019-01-01 00:00:00+00', '2019-01-01 00:00:00+00', 63);
UPDATE investigators SET privatekey = 'secret' WHERE name = 'migscheduler';
INSERT INTO agents VALUES
    (11750001, 'a', 'linux.a', 'daemon', '20190901', 7, '2019-09-01 10:00:00+00', '9998-01-11 11:11:11+00',
     '2019-09-02 10:00:00.123456+00', '2019-09-01 10:00:00+00', 'online',
     '{"os":"linux","ident":"nul \u0000 here"}', '{"operator":"it"}', 'loader1'),
    -- Added twice by heartbeats that met.
    (11750002, 'a', 'linux.a', 'daemon', '20190901', 7, '2019-09-01 10:00:00+00', NULL,
     '2019-09-02 10:00:05+00', NULL, 'online', '{"os":"linux"}', NULL, NULL),
    (11750003, 'b', 'windows.b', 'checkin', '20190901', 8, '2019-09-01 10:00:00+00', NULL,
     '2019-09-01 10:00:00+00', NULL, 'offline', NULL, 'null', NULL);
INSERT INTO actions VALUES
    (22750001, 'done', 'status=''online''', '{"author":"Ada"}', '{"family":"audit"}',
     '[{"module":"file","parameters":{"x":"<&>"}}]', '2019-09-01 10:00:00+00', '2019-09-01 11:00:00+00',
     '2019-09-01 10:00:01+00', '2019-09-01 10:00:09+00', '2019-09-01 10:00:09+00', 'completed', 2, '["sig1"]'),
    (22750002, 'stuck', 'status=''online''', NULL, NULL,
     '[{"module":"memory","parameters":{"bytes":"\u0000\\u0000"}}]', '2019-09-01 10:00:00+00', '2199-09-01 11:00:00+00',
     '2019-09-01 10:00:01+00', '9998-01-11 11:11:11+00', '2019-09-01 10:00:02+00', 'preparing', 2, '["sig2"]'),
    (22750003, 'taken', 'status=''online''', '{}', '{}', '[]', '2019-09-01 10:00:00+00', '2199-09-01 11:00:00+00',
     NULL, NULL, NULL, 'preparing', 2, '["sig3"]'),
    (22750004, 'waiting', 'status=''online''', '{}', '{}', '[]', '2198-09-01 10:00:00+00', '2199-09-01 11:00:00+00',
     '0009-01-11 11:11:11+00', '9998-01-11 11:11:11+00', '0009-01-11 11:11:11+00', 'pending', 2, '["sig4"]'),
    -- Over for years, and never ended.
    (22750005, 'stuck then', 'status=''online''', '{}', '{}', '[]', '2019-09-01 10:00:00+00', '2019-09-01 11:00:00+00',
     '2019-09-01 10:00:01+00', '9998-01-11 11:11:11+00', '2019-09-01 10:00:02+00', 'preparing', 2, '["sig5"]'),
    (22750006, 'waited then', 'status=''online''', '{}', '{}', '[]', '2019-09-01 10:00:00+00', '2019-09-01 11:00:00+00',
     '0009-01-11 11:11:11+00', '9998-01-11 11:11:11+00', '0009-01-11 11:11:11+00', 'pending', 2, '["sig6"]');
INSERT INTO signatures VALUES (22750001, 1, 'sig1'), (22750002, 1, 'sig2');
INSERT INTO commands VALUES
    (33750001, 22750001, 11750001, 'success',
     '[{"foundanything":true,"success":true,"elements":{"s1":["\u0000"]},"statistics":null,"errors":null}]',
     '2019-09-01 10:00:01+00', '2019-09-01 10:00:09+00'),
    (33750002, 22750001, 11750003, 'expired', NULL, '2019-09-01 10:00:01+00', NULL),
    (33750003, 22750002, 11750001, 'sent',
     '[{"foundanything":false,"success":false,"elements":null,"statistics":null,"errors":null}]',
     '2019-09-01 10:00:01+00', '9998-01-11 11:11:11+00'),
    (33750005, 22750005, 11750001, 'sent', NULL, '2019-09-01 10:00:01+00', '9998-01-11 11:11:11+00'),
    (33750006, 22750005, 11750003, 'success', '[]', '2019-09-01 10:00:01+00', '2019-09-01 10:00:09+00'),
    (33750007, 22750001, 11750002, 'sent', NULL, '2019-09-01 10:00:01+00', NULL),
    (33750004, 22750001, 11750002, 'failed', 'null', '2019-09-01 10:00:01+00', '2019-09-01 10:00:09+00');
INSERT INTO agents_stats ("timestamp", online_agents) VALUES ('2019-09-01 10:00:00+00', 2);
INSERT INTO modules VALUES (1, 'file');
INSERT INTO agtmodreq VALUES (1, 11750001, 5);
INSERT INTO invagtmodperm VALUES (1, 11750003, 1, 9);
INSERT INTO manifests VALUES (1, 'm', 'YQ==', '2019-09-01 10:00:00+00', 'active', 'true');
INSERT INTO manifestsig VALUES (1, 1, 'sig');

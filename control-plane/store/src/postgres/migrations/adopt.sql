-- Turns the tables of an original's database into those of 0001.sql, in place.
-- What this program does not use (manifests, loaders, modules, agents_stats and
-- their rows) stays as it is.

-- Keys change their type, and a foreign key needs one type on both sides.
DO $$
DECLARE
    link record;
    place record;
BEGIN
    CREATE TEMPORARY TABLE links ON COMMIT DROP AS
        SELECT conname AS name, conrelid::regclass AS source, pg_get_constraintdef(oid) AS definition
        FROM pg_constraint
        WHERE contype = 'f' AND confrelid IN
            ('actions'::regclass, 'agents'::regclass, 'commands'::regclass, 'investigators'::regclass);
    CREATE TEMPORARY TABLE ends ON COMMIT DROP AS
        SELECT DISTINCT conrelid::regclass AS source, attname AS name
        FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey)
        WHERE contype = 'f' AND atttypid = 'numeric'::regtype AND confrelid IN
            ('actions'::regclass, 'agents'::regclass, 'commands'::regclass, 'investigators'::regclass);
    FOR link IN SELECT * FROM links LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', link.source, link.name);
    END LOOP;
    FOR place IN SELECT * FROM ends LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I TYPE bigint', place.source, place.name);
    END LOOP;
END $$;

-- The escape of U+0000 in a JSON text, replaced by that of U+FFFD.
CREATE FUNCTION pg_temp.readable(document text) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT regexp_replace(document, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g') $$;

ALTER TABLE investigators
    ALTER COLUMN id TYPE bigint,
    ALTER COLUMN name TYPE text,
    ALTER COLUMN pgpfingerprint TYPE text,
    ALTER COLUMN status TYPE text;
-- One form of a key's name, and none for somebody without a key.
UPDATE investigators SET pgpfingerprint = nullif(upper(pgpfingerprint), '')
    WHERE pgpfingerprint IS DISTINCT FROM nullif(upper(pgpfingerprint), '');

ALTER TABLE actions
    ADD COLUMN reason text,
    ADD COLUMN verbatim text,
    ALTER COLUMN id TYPE bigint,
    ALTER COLUMN name TYPE text,
    ALTER COLUMN target TYPE text,
    ALTER COLUMN status TYPE text,
    ALTER COLUMN pgpsignatures TYPE text;
-- What the original wrote where it knew nothing yet.
UPDATE actions SET
    verbatim = CASE WHEN concat(description, threat, operations) LIKE '%\\u0000%' THEN
        json_build_object('id', id, 'name', name, 'target', target, 'description', description,
            'threat', threat, 'operations', operations, 'pgpsignatures', pgpsignatures::json)::text
        END,
    description = coalesce(pg_temp.readable(description::text)::json, '{}'),
    threat = coalesce(pg_temp.readable(threat::text)::json, '{}'),
    operations = coalesce(pg_temp.readable(operations::text)::json, 'null'),
    starttime = coalesce(starttime, '0009-01-11 11:11:11+00'),
    finishtime = coalesce(finishtime, '9998-01-11 11:11:11+00'),
    lastupdatetime = coalesce(lastupdatetime, starttime, '0009-01-11 11:11:11+00'),
    syntaxversion = coalesce(syntaxversion, 0),
    -- On newer servers the original could not set `inflight`; and what it had
    -- taken but not made commands for starts anew.
    status = CASE
        WHEN status = 'preparing' AND EXISTS
            (SELECT FROM commands WHERE actionid = actions.id) THEN 'inflight'
        WHEN status = 'preparing' THEN 'scheduled'
        ELSE coalesce(status, 'invalid') END,
    reason = CASE WHEN status = 'invalid' OR status IS NULL
        THEN 'found invalid in the database that was taken over' END;
-- What is over ends here, where nothing limits the time: the original left commands
-- without an answer as they were, some for years.
UPDATE actions SET
    reason = CASE status
        WHEN 'inflight' THEN reason
        WHEN 'pending' THEN 'expired before a scheduler took it up'
        ELSE 'expired before its commands were made' END,
    starttime = CASE status WHEN 'inflight' THEN starttime ELSE expireafter END,
    finishtime = expireafter,
    lastupdatetime = greatest(lastupdatetime, expireafter),
    status = CASE status WHEN 'inflight' THEN 'completed' ELSE 'invalid' END
    WHERE status IN ('pending', 'scheduled', 'inflight') AND expireafter <= now();
ALTER TABLE actions
    ALTER COLUMN description SET NOT NULL,
    ALTER COLUMN threat SET NOT NULL,
    ALTER COLUMN operations SET NOT NULL,
    ALTER COLUMN starttime SET NOT NULL,
    ALTER COLUMN finishtime SET NOT NULL,
    ALTER COLUMN lastupdatetime SET NOT NULL,
    ALTER COLUMN status SET NOT NULL,
    ALTER COLUMN syntaxversion SET NOT NULL;

ALTER TABLE signatures
    ALTER COLUMN actionid TYPE bigint,
    ALTER COLUMN investigatorid TYPE bigint,
    ALTER COLUMN pgpsignature TYPE text;

ALTER TABLE agents
    ALTER COLUMN id TYPE bigint,
    ALTER COLUMN name TYPE text,
    ALTER COLUMN queueloc TYPE text,
    ALTER COLUMN mode TYPE text,
    ALTER COLUMN version TYPE text,
    ALTER COLUMN pid TYPE bigint,
    ALTER COLUMN status TYPE text,
    ALTER COLUMN loadername TYPE text;
UPDATE agents SET
    destructiontime = coalesce(destructiontime, '9998-01-11 11:11:11+00'),
    refreshtime = coalesce(refreshtime, starttime),
    status = coalesce(status, 'offline'),
    environment = coalesce(pg_temp.readable(nullif(environment::text, 'null'))::json, '{}'),
    tags = coalesce(pg_temp.readable(nullif(tags::text, 'null'))::json, '{}');
-- The original's heartbeats could add a row twice; the newest one is the agent.
UPDATE agents SET status = 'offline'
    WHERE status <> 'offline' AND EXISTS
        (SELECT FROM agents AS other
         WHERE other.queueloc = agents.queueloc AND other.pid = agents.pid
         AND other.status <> 'offline' AND other.id > agents.id);
ALTER TABLE agents
    ALTER COLUMN destructiontime SET NOT NULL,
    ALTER COLUMN refreshtime SET NOT NULL,
    ALTER COLUMN status SET NOT NULL,
    ALTER COLUMN environment SET NOT NULL,
    ALTER COLUMN tags SET NOT NULL;

ALTER TABLE commands
    ADD COLUMN queueloc text,
    ADD COLUMN answered boolean NOT NULL DEFAULT false,
    ADD COLUMN found integer NOT NULL DEFAULT 0,
    ADD COLUMN verbatim text,
    ALTER COLUMN id TYPE bigint,
    ALTER COLUMN actionid TYPE bigint,
    ALTER COLUMN agentid TYPE bigint,
    ALTER COLUMN status TYPE text;
UPDATE commands SET
    queueloc = (SELECT queueloc FROM agents WHERE agents.id = commands.agentid),
    answered = commands.status NOT IN ('sent', 'expired'),
    -- Nobody ends the commands of an action that has ended; an answer still may.
    status = CASE WHEN commands.status = 'sent' AND actions.status IN ('completed', 'invalid')
        THEN 'expired' ELSE commands.status END,
    finishtime = CASE WHEN commands.status = 'sent' AND actions.status IN ('completed', 'invalid')
        THEN least(actions.finishtime, now())
        ELSE coalesce(commands.finishtime, '9998-01-11 11:11:11+00') END,
    verbatim = CASE WHEN pg_temp.readable(results::text) <> results::text THEN results::text END,
    results = coalesce(pg_temp.readable(nullif(results::text, 'null'))::json, '[]')
    FROM actions WHERE actions.id = commands.actionid;
UPDATE commands SET found =
        (SELECT coalesce(bit_or(CASE WHEN one.value ->> 'foundanything' = 'true' THEN 2 ELSE 1 END), 0)
         FROM json_array_elements(results) AS one
         WHERE json_typeof(one.value) = 'object')
    WHERE json_typeof(results) = 'array';
ALTER TABLE commands
    ALTER COLUMN queueloc SET NOT NULL,
    ALTER COLUMN results SET NOT NULL,
    ALTER COLUMN finishtime SET NOT NULL;

-- Links among the tables of this program are made below, as in a new database;
-- those of other tables come back as they were.
DO $$
DECLARE
    link record;
BEGIN
    FOR link IN SELECT * FROM links WHERE source NOT IN
        ('actions'::regclass, 'agents'::regclass, 'commands'::regclass, 'signatures'::regclass)
    LOOP
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', link.source, link.name, link.definition);
    END LOOP;
END $$;

-- Indexes and unique constraints of the original that others replace.
DO $$
DECLARE
    place record;
BEGIN
    FOR place IN
        SELECT conrelid::regclass AS source, conname AS name FROM pg_constraint
        WHERE contype = 'u' AND conrelid IN ('actions'::regclass, 'agents'::regclass,
            'commands'::regclass, 'investigators'::regclass, 'signatures'::regclass)
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', place.source, place.name);
    END LOOP;
    FOR place IN
        SELECT indexrelid::regclass AS name FROM pg_index
        WHERE indrelid IN ('actions'::regclass, 'agents'::regclass,
            'commands'::regclass, 'investigators'::regclass, 'signatures'::regclass)
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
    LOOP
        EXECUTE format('DROP INDEX %s', place.name);
    END LOOP;
END $$;

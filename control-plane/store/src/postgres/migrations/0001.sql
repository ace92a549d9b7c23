-- The tables of the original, as far as they are used here, by their names.
-- Documents are json, never jsonb: they come back as they were stored.

CREATE TABLE investigators (
    id             bigint PRIMARY KEY,
    name           text NOT NULL,
    pgpfingerprint text,
    publickey      bytea,
    privatekey     bytea,
    status         text NOT NULL,
    createdat      timestamptz NOT NULL,
    lastmodified   timestamptz NOT NULL,
    permissions    bigint NOT NULL DEFAULT 0,
    apikey         bytea,
    apisalt        bytea
);
CREATE SEQUENCE investigators_id_seq OWNED BY investigators.id;
ALTER TABLE investigators ALTER COLUMN id SET DEFAULT nextval('investigators_id_seq');

CREATE TABLE actions (
    id             bigint PRIMARY KEY,
    name           text NOT NULL,
    target         text NOT NULL,
    description    json NOT NULL,
    threat         json NOT NULL,
    operations     json NOT NULL,
    validfrom      timestamptz NOT NULL,
    expireafter    timestamptz NOT NULL,
    starttime      timestamptz NOT NULL,
    finishtime     timestamptz NOT NULL,
    lastupdatetime timestamptz NOT NULL,
    status         text NOT NULL,
    syntaxversion  integer NOT NULL,
    pgpsignatures  text NOT NULL,
    reason         text,
    -- The whole document where it holds U+0000, which other columns cannot.
    verbatim       text
);

CREATE TABLE signatures (
    actionid       bigint NOT NULL,
    investigatorid bigint NOT NULL,
    pgpsignature   text NOT NULL
);

CREATE TABLE agents (
    id              bigint PRIMARY KEY,
    name            text NOT NULL,
    queueloc        text NOT NULL,
    mode            text NOT NULL,
    version         text NOT NULL,
    pid             bigint NOT NULL,
    starttime       timestamptz NOT NULL,
    destructiontime timestamptz NOT NULL,
    heartbeattime   timestamptz NOT NULL,
    refreshtime     timestamptz NOT NULL,
    status          text NOT NULL,
    environment     json NOT NULL,
    tags            json NOT NULL,
    loadername      text
);

CREATE TABLE commands (
    id         bigint PRIMARY KEY,
    actionid   bigint NOT NULL,
    agentid    bigint NOT NULL,
    status     text NOT NULL,
    results    json NOT NULL,
    starttime  timestamptz NOT NULL,
    finishtime timestamptz NOT NULL,
    -- The agent's identity, which its answer must carry.
    queueloc   text NOT NULL,
    -- An answer is stored once.
    answered   boolean NOT NULL DEFAULT false,
    -- What "foundanything" of the results holds: 1 for false, 2 for true, added.
    found      integer NOT NULL DEFAULT 0,
    -- The results where they hold U+0000.
    verbatim   text
);

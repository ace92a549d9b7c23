BEGIN TRANSACTION;
CREATE TABLE bindings (
    exchange TEXT NOT NULL,
    routing_key TEXT NOT NULL,
    queue INTEGER NOT NULL,
    PRIMARY KEY (exchange, routing_key, queue)
) STRICT, WITHOUT ROWID;
INSERT INTO "bindings" VALUES('toschedulers','mig.agt.results',1);
INSERT INTO "bindings" VALUES('toagents','mig.agt.linux.host',2);
CREATE TABLE exchanges (
    name TEXT PRIMARY KEY,
    auto_delete INTEGER NOT NULL,
    internal INTEGER NOT NULL
) STRICT;
INSERT INTO "exchanges" VALUES('toagents',0,0);
INSERT INTO "exchanges" VALUES('toschedulers',0,0);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    queue INTEGER NOT NULL,
    exchange TEXT NOT NULL,
    routing_key TEXT NOT NULL,
    properties BLOB NOT NULL,
    survives INTEGER NOT NULL,
    expires INTEGER,
    body BLOB NOT NULL
) STRICT;
INSERT INTO "messages" VALUES(1,2,'toagents','mig.agt.linux.host',X'90000A746578742F706C61696E02',1,NULL,X'6669727374');
INSERT INTO "messages" VALUES(2,2,'toagents','mig.agt.linux.host',X'90000A746578742F706C61696E02',1,NULL,X'7365636F6E64');
INSERT INTO "messages" VALUES(3,1,'toschedulers','mig.agt.results',X'90000A746578742F706C61696E02',1,NULL,X'726573756C74');
CREATE TABLE queues (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    user TEXT NOT NULL,
    auto_delete INTEGER NOT NULL,
    message_ttl INTEGER,
    expires INTEGER,
    max_length INTEGER,
    max_bytes INTEGER,
    drop_head INTEGER NOT NULL
) STRICT;
INSERT INTO "queues" VALUES(1,'mig.agt.results','guest',0,NULL,NULL,NULL,NULL,0);
INSERT INTO "queues" VALUES(2,'mig.agt.linux.host','guest',0,NULL,NULL,NULL,NULL,0);
INSERT INTO "queues" VALUES(3,'bounded','guest',0,2147483647,NULL,5,NULL,1);
CREATE INDEX bindings_by_queue ON bindings (queue);
COMMIT;
PRAGMA user_version = 1;

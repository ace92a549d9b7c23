-- Several schedulers may work on one database: each publishes what it holds.
CREATE TABLE schedulers (
    holder INTEGER PRIMARY KEY,
    -- When it last said that it lives.
    seen INTEGER NOT NULL
) STRICT;

-- What a scheduler held that is gone, nobody holds.
ALTER TABLE outbox ADD COLUMN holder INTEGER REFERENCES schedulers ON DELETE SET NULL;

CREATE INDEX outbox_holder ON outbox (holder);

-- The ledger: one row for each run, published or not.
CREATE TABLE clickstats_runs (
    id uuid PRIMARY KEY,
    started_at timestamp NOT NULL, -- UTC, as all instants here
    finished_at timestamp, -- null while it runs, and when it died
    command text NOT NULL,
    options jsonb NOT NULL,
    version text NOT NULL, -- of clickstats
    rules text NOT NULL, -- fingerprint of the rules of both scores
    timezone text NOT NULL,
    snapshot_at timestamp,
    outcome text NOT NULL DEFAULT 'running',
    exit_code integer,

    -- rows
    applications bigint,
    inserted bigint,
    updated bigint,
    unchanged bigint,
    pending bigint,
    clicks_read bigint,
    clicks_unusable bigint,
    clicks_unattributed bigint,

    -- cost
    seconds jsonb, -- of each phase, and in all
    wal_bytes bigint, -- of the whole server between the run's start and its commit
    peak_memory_bytes bigint,

    host text NOT NULL,
    pid integer NOT NULL,
    warnings text[] NOT NULL DEFAULT '{}',
    error text,

    CONSTRAINT valid_outcome CHECK (outcome IN ('running', 'published', 'failed', 'died'))
);

CREATE INDEX idx_runs_started_at ON clickstats_runs(started_at);

COMMENT ON TABLE clickstats_runs IS 'What each run of clickstats saw and did';

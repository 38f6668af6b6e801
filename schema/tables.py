"""The tables as SQLAlchemy Core metadata: the source's, which are only read, and ours.

The DDL itself is in `schema/migrations/versions/*.sql`; a test holds the two against each other.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import INTERVAL, JSONB, TIMESTAMP

# only the columns that clickstats reads
source = MetaData()
jobs = Table("jobs", source, Column("id", Uuid))
job_applications = Table(
    "job_applications",
    source,
    Column("id", Uuid, primary_key=True),
    Column("job_id", Uuid),
    Column("created_at", TIMESTAMP),
)
link_tracking = Table(
    "link_tracking",
    source,
    Column("tracking_id", String(100), primary_key=True),
    Column("application_id", Uuid),
    Column("link_function", String(50), nullable=False),
)
link_clicks = Table(
    "link_clicks", source, Column("tracking_id", String(100)), Column("clicked_at", TIMESTAMP)
)

ours = MetaData()
NOW = text("now()")
ZERO = text("0")
link_click_analytics = Table(
    "link_click_analytics",
    ours,
    Column("id", Uuid, primary_key=True, server_default=text("gen_random_uuid()")),
    Column("application_id", Uuid, ForeignKey(job_applications.c.id, ondelete="CASCADE")),
    Column("job_id", Uuid, ForeignKey(jobs.c.id, ondelete="SET NULL")),
    Column("time_to_first_click", INTERVAL),
    Column("hours_to_first_click", Numeric(10, 2)),
    Column("time_between_first_last_click", INTERVAL),
    Column("hours_between_first_last_click", Numeric(10, 2)),
    Column("click_sequence", ARRAY(Text)),
    Column("unique_functions_clicked", Integer, server_default=ZERO),
    Column("total_click_events", Integer, server_default=ZERO),
    Column("peak_click_hour", Integer),
    Column("click_days_of_week", ARRAY(Integer)),
    Column("engagement_velocity", Numeric(10, 4)),
    Column("engagement_score", Integer, server_default=ZERO),
    Column("intent_score", Integer, server_default=ZERO),
    Column("calculated_at", TIMESTAMP, server_default=NOW),
    Column("created_at", TIMESTAMP, server_default=NOW),
    Column("updated_at", TIMESTAMP, server_default=NOW),
    CheckConstraint("peak_click_hour >= 0 AND peak_click_hour <= 23", "valid_peak_hour"),
    CheckConstraint("engagement_score >= 0 AND engagement_score <= 100", "valid_engagement_score"),
    CheckConstraint("intent_score >= 0 AND intent_score <= 100", "valid_intent_score"),
    comment="Pre-calculated behavioral metrics for link click analysis",
)
columns = link_click_analytics.c
Index("idx_analytics_application", columns.application_id)
Index("idx_analytics_job", columns.job_id)
Index("idx_analytics_engagement_score", columns.engagement_score.desc())
Index("idx_analytics_intent_score", columns.intent_score.desc())
Index("idx_analytics_calculated_at", columns.calculated_at)
Index("idx_analytics_unique_application", columns.application_id, unique=True)

link_click_readings = Table(
    "link_click_readings",
    ours,
    Column(
        "application_id",
        Uuid,
        ForeignKey(job_applications.c.id, ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("human_clicks", Integer, nullable=False),
    Column("machine_clicks", Integer, nullable=False),
    Column("own_clicks", Integer, nullable=False),
    Column("repeated_clicks", Integer, nullable=False),
    Column("first_human_click", TIMESTAMP),
    Column("last_human_click", TIMESTAMP),
    Column("engagement_score_all", Integer, nullable=False),
    Column("intent_score_all", Integer, nullable=False),
    Column("engagement_score_human", Integer, nullable=False),
    Column("intent_score_human", Integer, nullable=False),
    Column("human_rules", Integer, nullable=False),
    Column("calculated_at", TIMESTAMP, nullable=False),
    comment="Clicks of each application by class, and both readings of its scores",
)
link_click_score_changes = Table(
    "link_click_score_changes",
    ours,
    Column("application_id", Uuid, ForeignKey(job_applications.c.id, ondelete="CASCADE")),
    Column("run_id", Uuid),
    Column("changed_at", TIMESTAMP, nullable=False),
    Column("engagement_score_before", Integer, nullable=False),
    Column("intent_score_before", Integer, nullable=False),
    Column("rules_before", Integer, nullable=False),
    Column("engagement_score", Integer, nullable=False),
    Column("intent_score", Integer, nullable=False),
    Column("rules", Integer, nullable=False),
    PrimaryKeyConstraint("run_id", "application_id"),
    comment="What each run changed about the scores of the human reading",
)
Index("idx_score_changes_application", link_click_score_changes.c.application_id)
Index("idx_score_changes_changed_at", link_click_score_changes.c.changed_at)
VIEW = "application_scores"  # of both tables, for readers

clickstats_runs = Table(
    "clickstats_runs",
    ours,
    Column("id", Uuid, primary_key=True),
    Column("started_at", TIMESTAMP, nullable=False),
    Column("finished_at", TIMESTAMP),
    Column("command", Text, nullable=False),
    Column("options", JSONB, nullable=False),
    Column("version", Text, nullable=False),
    Column("rules", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("snapshot_at", TIMESTAMP),
    Column("outcome", Text, nullable=False, server_default=text("'running'::text")),
    Column("exit_code", Integer),
    Column("applications", BigInteger),
    Column("inserted", BigInteger),
    Column("updated", BigInteger),
    Column("unchanged", BigInteger),
    Column("pending", BigInteger),
    Column("clicks_read", BigInteger),
    Column("clicks_unusable", BigInteger),
    Column("clicks_unattributed", BigInteger),
    Column("seconds", JSONB),
    Column("wal_bytes", BigInteger),
    Column("peak_memory_bytes", BigInteger),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("warnings", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    Column("error", Text),
    Column("number", BigInteger, Identity(), nullable=False),
    Column("definition", JSONB),
    Column("fingerprint", Text),
    Column("frozen", BigInteger),
    Column("readings_written", BigInteger),
    Column("readings_deleted", BigInteger),
    Column("clicks_by_class", JSONB),
    CheckConstraint(
        "outcome = ANY (ARRAY['running'::text, 'published'::text, 'failed'::text, 'died'::text])",
        "valid_outcome",
    ),
    comment="What each run of clickstats saw and did",
)
Index("idx_runs_started_at", clickstats_runs.c.started_at)
Index("idx_runs_number", clickstats_runs.c.number)

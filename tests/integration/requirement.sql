-- The target table, letter for letter as the requirement writes it.
CREATE TABLE link_click_analytics (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  application_id UUID REFERENCES job_applications(id) ON DELETE CASCADE,
  job_id UUID REFERENCES jobs(id) ON DELETE SET NULL,

  -- Timing metrics
  time_to_first_click INTERVAL,
  hours_to_first_click NUMERIC(10,2),
  time_between_first_last_click INTERVAL,
  hours_between_first_last_click NUMERIC(10,2),

  -- Sequence metrics
  click_sequence TEXT[], -- Array of link_function in order clicked
  unique_functions_clicked INTEGER DEFAULT 0,
  total_click_events INTEGER DEFAULT 0,

  -- Pattern metrics
  peak_click_hour INTEGER, -- 0-23
  click_days_of_week INTEGER[], -- Array of day numbers (0=Sunday)
  engagement_velocity NUMERIC(10,4), -- Clicks per day

  -- Calculated scores
  engagement_score INTEGER DEFAULT 0,
  intent_score INTEGER DEFAULT 0,

  -- Metadata
  calculated_at TIMESTAMP DEFAULT NOW(),
  created_at TIMESTAMP DEFAULT NOW(),
  updated_at TIMESTAMP DEFAULT NOW(),

  -- Constraints
  CONSTRAINT valid_peak_hour CHECK (peak_click_hour >= 0 AND peak_click_hour <= 23),
  CONSTRAINT valid_engagement_score CHECK (engagement_score >= 0 AND engagement_score <= 100),
  CONSTRAINT valid_intent_score CHECK (intent_score >= 0 AND intent_score <= 100)
);

-- Indexes for performance
CREATE INDEX idx_analytics_application ON link_click_analytics(application_id);
CREATE INDEX idx_analytics_job ON link_click_analytics(job_id);
CREATE INDEX idx_analytics_engagement_score ON link_click_analytics(engagement_score DESC);
CREATE INDEX idx_analytics_intent_score ON link_click_analytics(intent_score DESC);
CREATE INDEX idx_analytics_calculated_at ON link_click_analytics(calculated_at);

-- Unique constraint to prevent duplicate analytics records
CREATE UNIQUE INDEX idx_analytics_unique_application ON link_click_analytics(application_id);

COMMENT ON TABLE link_click_analytics IS 'Pre-calculated behavioral metrics for link click analysis';

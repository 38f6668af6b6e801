"""Number the runs of the ledger in the order in which they started and ended."""

import sqlalchemy as sa
from alembic import op

from schema.migrations import sql_beside

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute(sa.text(sql_beside(__file__, "number_clickstats_runs")))

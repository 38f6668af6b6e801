"""Create clickstats_runs, the ledger."""

import sqlalchemy as sa
from alembic import op

from schema.migrations import sql_beside

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(sa.text(sql_beside(__file__, "create_clickstats_runs")))

"""Create link_click_analytics, or complete one that was made by hand."""

import sqlalchemy as sa
from alembic import op

from schema.migrations import sql_beside

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(sa.text(sql_beside(__file__, "create_link_click_analytics")))

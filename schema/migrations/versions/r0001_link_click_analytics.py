"""Create link_click_analytics, or complete one that was made by hand."""

import sqlalchemy as sa
from alembic import context, op

from schema.migrations import sql_beside, without_keys_to

revision = "0001"
down_revision = None


def upgrade() -> None:
    statement = sql_beside(__file__, "create_link_click_analytics")
    keyless = context.config.attributes["keyless"]
    op.execute(sa.text(without_keys_to(statement, keyless)))

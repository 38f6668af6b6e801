"""Create link_click_score_changes."""

import sqlalchemy as sa
from alembic import context, op

from schema.migrations import sql_beside, without_keys_to

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    statement = sql_beside(__file__, "create_link_click_score_changes")
    keyless = context.config.attributes["keyless"]
    op.execute(sa.text(without_keys_to(statement, keyless)))

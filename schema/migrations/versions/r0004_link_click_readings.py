"""Create link_click_readings and application_scores; the ledger keeps definitions."""

import sqlalchemy as sa
from alembic import context, op

from schema.migrations import sql_beside, without_keys_to

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    statement = sql_beside(__file__, "create_link_click_readings")
    keyless = context.config.attributes["keyless"]
    op.execute(sa.text(without_keys_to(statement, keyless)))
    op.execute(sa.text(sql_beside(__file__, "create_application_scores")))

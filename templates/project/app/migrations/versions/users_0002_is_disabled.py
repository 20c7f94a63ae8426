"""users: is_disabled

Revision ID: users_0002
Revises: 0001
Create Date: 2026-11-23 00:00:00
"""

import sqlalchemy as sa
from alembic import op

# Not "0002": a migration of your own may be called that.
revision = "users_0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("is_disabled", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column("users", "is_disabled")

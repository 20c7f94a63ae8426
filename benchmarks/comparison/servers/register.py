"""python register.py COUNT, in a generated project's folder: users in its database, a token for each.

Prints a line for each: the user's id, the token.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))

from sqlalchemy import delete, insert

from app import services
from app.database import connect_for_migrations, migrate
from app.users import User


def main(count: int) -> None:
    url = services.settings().database_url
    migrate(url)
    ids = [f"00000000-0000-4000-8000-{number:012d}" for number in range(count)]
    # Nobody logs in with a password, which would take a minute to hash for all of them.
    common = {"password_hash": "-", "created_at": datetime.now(UTC)}
    users = [
        {"id": id, "name": f"name {number}", "email": f"{number}@example.com", **common}
        for number, id in enumerate(ids)
    ]
    with connect_for_migrations(url) as connection, connection.begin():
        connection.execute(delete(User))
        connection.execute(insert(User), users)
    for id in ids:
        print(id, services.token().issue(id))


if __name__ == "__main__":
    main(int(sys.argv[1]))

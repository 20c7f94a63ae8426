"""The users: who may ask for a token."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from sqlalchemy import String, bindparam, delete, false, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import async_sessionmaker
from sqlalchemy.orm import Mapped, mapped_column

from .database import Base, UtcDateTime, create_engine
from .lookups import Lookups
from .passwords import Passwords


class EmailTaken(Exception):
    """Another user has this e-mail address."""


class User(Base):
    """A registered user. After a new column: `alembic revision --autogenerate -m "what it is for"`."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(
        String(36), primary_key=True, init=False, default_factory=lambda: str(uuid4())
    )
    name: Mapped[str] = mapped_column(String(80))
    # Lower-case, so that Ada@example.com and ada@example.com are one user.
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255), repr=False)
    created_at: Mapped[datetime] = mapped_column(
        UtcDateTime, init=False, default_factory=lambda: datetime.now(UTC)
    )
    is_disabled: Mapped[bool] = mapped_column(init=False, default=False, server_default=false())


# Made once: it takes as long as the database takes to answer.
_ENABLED: Final = select(User).where(
    User.is_disabled.is_(False), User.id.in_(bindparam("ids", expanding=True))
)


class Users:
    """The users in one database. What it returns are plain objects: changing them changes no row."""

    def __init__(self, database_url: str) -> None:
        """
        Args:
            database_url: As app/settings.py gives it, with an asynchronous driver; migrated.
        """
        self._engine = create_engine(database_url)
        self._session = async_sessionmaker(self._engine, expire_on_commit=False)
        self._passwords = Passwords()
        self._lookups = Lookups(self._find)

    async def close(self) -> None:
        """Closes every connection to the database."""
        self._passwords.close()
        await self._engine.dispose()

    async def check(self) -> None:
        """Ask the database for something.

        Raises:
            SQLAlchemyError, OSError: It does not answer, or has no table of users.
        """
        # What is asked for each client, so that the first of them finds it prepared; nobody has this id.
        await self._find([""])

    async def create(self, name: str, email: str, password: str) -> User:
        """A new user.

        Raises:
            EmailTaken: Somebody has registered this address, maybe a moment ago in another process.
        """
        user = User(name=name, email=email.lower(), password_hash=await self._passwords.hash(password))
        try:
            async with self._session.begin() as session:
                session.add(user)
        except IntegrityError as error:
            # Asking for the address first would still leave this race, so the database alone decides.
            raise EmailTaken(user.email) from error
        return user

    async def authenticate(self, email: str, password: str) -> User | None:
        """The user with this address and password; None, after the same work, when either is wrong.

        A disabled user is none.
        """
        enabled = select(User).where(User.is_disabled.is_(False))
        async with self._session() as session:
            user = await session.scalar(enabled.where(User.email == email.lower()))
        matches = await self._passwords.matches(user.password_hash if user else None, password)
        if user is None or not matches:
            return None
        if self._passwords.is_outdated(user.password_hash):
            user.password_hash = await self._passwords.hash(password)
            async with self._session.begin() as session:
                await session.execute(
                    update(User).where(User.id == user.id).values(password_hash=user.password_hash)
                )
        return user

    async def get(self, user_id: str) -> User | None:
        """The user with this id, unless deleted or disabled."""
        return await self._lookups.get(user_id)

    async def _find(self, user_ids: Sequence[str]) -> Mapping[str, User]:
        async with self._session() as session:
            return {user.id: user for user in await session.scalars(_ENABLED, {"ids": user_ids})}

    async def disable(self, user_id: str, *, disabled: bool = True) -> bool:
        """Whether there is such a user to disable, or to enable again.

        From then on the user's tokens are refused. app/accounts.py also ends the open connections.
        """
        change = update(User).where(User.id == user_id).values(is_disabled=disabled).returning(User.id)
        async with self._session.begin() as session:
            return await session.scalar(change) is not None

    async def delete(self, user_id: str) -> bool:
        """Whether there was such a user to delete. Tokens of a deleted user are refused from then on.

        app/accounts.py also ends the open connections.
        """
        async with self._session.begin() as session:
            deleted = await session.scalar(delete(User).where(User.id == user_id).returning(User.id))
        return deleted is not None

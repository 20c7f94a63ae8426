"""What every part of the application shares, made on first use from the settings."""

from functools import cache

from .attempts import Attempts
from .core.tokens import Token
from .settings import Settings, load_settings
from .users import Users


@cache
def settings() -> Settings:
    """The settings; SettingsError if they cannot be used."""
    return load_settings()


@cache
def token() -> Token:
    """Issues and reads the tokens that clients connect with."""
    return Token(settings().token_secret.get_secret_value(), lifetime_s=settings().token_lifetime_s)


@cache
def attempts() -> Attempts:
    """Counts who tries to register or to log in, and how often."""
    loaded = settings()
    return Attempts(loaded.login_attempts_per_minute, loaded.redis_url, loaded.redis_prefix)


@cache
def users() -> Users:
    """The users of the configured database."""
    return Users(settings().database_url)


async def close() -> None:
    """Let go of everything; what is asked for afterwards is made anew."""
    if users.cache_info().currsize:
        await users().close()
    for service in (settings, token, attempts, users):
        service.cache_clear()

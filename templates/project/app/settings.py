"""What may differ from one machine to the next: read from the environment, else from `.env`."""

import re
import tomllib
from ipaddress import ip_network
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url

from . import service_urls
from .engine import ANY_ORIGIN, Cluster, Limits
from .service_urls import PROJECT, Remediable

ENV_FILE: Final = PROJECT / ".env"

# Compared with the letters and digits of the secret only: "change-me", "CHANGE_ME", "changeMe".
_PLACEHOLDERS: Final = (
    "changeme",
    "changethis",
    "replaceme",
    "replacethis",
    "placeholder",
    "yoursecret",
    "secretkey",
    "supersecret",
    "example",
    "password",
)
_REMEDIES: Final = {
    "TOKEN_SECRET": (
        '.venv/bin/python -c "import secrets; print(secrets.token_urlsafe(48))"   # in .env: TOKEN_SECRET=...'
    ),
    "DATABASE_URL": (
        "DATABASE_URL=sqlite:///app.sqlite3\n       DATABASE_URL=postgresql://user:password@localhost/app"
    ),
    "REDIS_URL": "REDIS_URL=redis://localhost:6379/0",
    "ALLOWED_ORIGINS": "ALLOWED_ORIGINS=https://example.com,http://localhost:5173",
    "TRUSTED_PROXIES": "TRUSTED_PROXIES=127.0.0.1,10.0.0.0/8",
    "CONSOLE": "CONSOLE=true",
    "CONSOLE_CLIENT": "CONSOLE_CLIENT=   # browsers get it from a CDN",
    "METRICS_TOKEN": (
        '.venv/bin/python -c "import secrets; print(secrets.token_urlsafe(48))"'
        "   # in .env: METRICS_TOKEN=..."
    ),
}


class SettingsError(SystemExit):
    """The settings cannot be used.

    The text names every problem and its remedy, but neither the secret nor the database's password. Whatever
    was about to start (the server, Alembic, a reloading worker) ends with it on stderr, and exit code 1.
    """


def _hard_to_guess(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    letters = "".join(filter(str.isalnum, text.lower()))
    if not text:
        reason = "it encrypts the tokens that say who is connecting"
        if not ENV_FILE.exists():
            raise Remediable(reason, "scripts/setup")  # Which makes one, with a secret.
        raise ValueError(reason)
    if any(placeholder in letters for placeholder in _PLACEHOLDERS):
        raise ValueError("it is a placeholder, which anybody can guess")
    if len(text.encode()) < 32:
        raise ValueError(f"it has {len(text.encode())} bytes; with less than 32 it can be guessed")
    if len(set(text)) < 8:
        raise ValueError("it repeats a few characters, which anybody can guess")
    return secret


def _empty_or_hard_to_guess(secret: SecretStr) -> SecretStr:
    return _hard_to_guess(secret) if secret.get_secret_value() else secret


def _name_of_project() -> str:
    if not (PROJECT / "pyproject.toml").exists():
        return "app"
    return str(tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]["name"])


def _split_at_commas(text: object) -> object:
    if not isinstance(text, str):
        return text
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _origin(text: str) -> str:
    """Source: RFC 6454, section 6.2: what browsers send as Origin is a scheme, a host and a port."""
    if text == ANY_ORIGIN:
        return text
    if not re.fullmatch(r"https?://[^/?#@*\s]+", text.lower()):
        raise ValueError("an origin is a scheme, a host and a port: no path, no slash at the end")
    return text.lower()


def _proxy(text: str) -> str:
    """An IP address, or a network of them, as uvicorn has it."""
    try:
        network = ip_network(text)
    except ValueError:
        reason = "a proxy is an IP address, or a network with zeros after its prefix: no name, no port, no *"
        raise ValueError(reason) from None
    if network.prefixlen == 0:
        raise ValueError("it is everybody, so that everybody could take any address; name your own proxies")
    return str(network) if "/" in text else str(network.network_address)


def _file(text: str) -> str:
    """An existing file; a relative path begins at the project."""
    path = PROJECT / text
    if text and not path.is_file():
        raise ValueError("there is no such file")
    return str(path) if text else ""


class Settings(Limits, BaseSettings):
    """Every setting there is, with those of app/engine/limits.py; .env.example says what each one is for."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    environment: Literal["development", "production"] = "production"
    # None: as the environment says.
    console: bool | None = None
    console_client: Annotated[str, AfterValidator(_file)] = ""
    host: str = "127.0.0.1"
    # Not 0, "any free port": no client would know where to connect.
    port: Annotated[int, Field(ge=1, le=65535)] = 3000
    token_secret: Annotated[SecretStr, AfterValidator(_hard_to_guess)] = SecretStr("")
    token_lifetime_s: Annotated[int, Field(ge=1)] = 6000
    # Out of the repr, which ends up in logs: it can contain a password.
    database_url: Annotated[str, AfterValidator(service_urls.database_url), Field(repr=False)] = (
        "sqlite:///app.sqlite3"
    )
    redis_url: Annotated[str, AfterValidator(service_urls.redis_url), Field(repr=False)] = ""
    redis_prefix: str = Field(min_length=1, default_factory=_name_of_project)
    redis_required: bool = True
    lease_s: Annotated[int, Field(ge=3)] = 10
    allowed_origins: Annotated[
        tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(_split_at_commas)
    ] = ()
    trusted_proxies: Annotated[
        tuple[Annotated[str, AfterValidator(_proxy)], ...], NoDecode, BeforeValidator(_split_at_commas)
    ] = ()
    log_format: Literal["text", "json"] = "text"
    access_log: bool = False
    direct_websockets: bool = True
    metrics_token: Annotated[SecretStr, AfterValidator(_empty_or_hard_to_guess)] = SecretStr("")

    login_attempts_per_minute: Annotated[int, Field(ge=1)] = 10

    @model_validator(mode="before")
    @classmethod
    def _empty_is_the_default(cls, values: dict[str, Any]) -> dict[str, Any]:
        # Only now: an empty variable of the environment wins over a line of `.env`, as any other does.
        return {name: value for name, value in values.items() if value != ""}

    @property
    def has_console(self) -> bool:
        """Whether there is a /console."""
        return self.environment == "development" if self.console is None else self.console

    @property
    def safe_database_url(self) -> str:
        """The database's URL without its password: for people and logs."""
        return make_url(self.database_url).render_as_string(hide_password=True)

    @property
    def cluster(self) -> Cluster | None:
        """What this server is one of; None: it is alone."""
        if not self.redis_url:
            return None
        return Cluster(self.redis_url, self.safe_redis_url, self.redis_prefix, self.lease_s)

    @property
    def safe_redis_url(self) -> str:
        """Likewise, where Redis is."""
        url = urlsplit(self.redis_url)
        return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"


def load_settings() -> Settings:
    """The settings in force.

    Raises:
        SettingsError: At least one of them cannot be used.
    """
    try:
        return Settings()
    except ValidationError as refused:
        problems = [_explain(error) for error in refused.errors()]
    except (OSError, UnicodeDecodeError) as unreadable:
        problems = [f"error: the settings file cannot be read\n  {unreadable}"]
    # Raised out here because a chained ValidationError would carry the refused values along.
    raise SettingsError("\n".join([*problems, f"settings come from the environment, else from {ENV_FILE}"]))


def _explain(error: ErrorDetails) -> str:
    name = str(error["loc"][0]).upper()
    if name in ("TOKEN_SECRET", "DATABASE_URL", "REDIS_URL", "METRICS_TOKEN"):
        what = f"{name} is missing" if error["input"] == SecretStr("") else f"{name} cannot be used"
    else:
        what = f'{name} cannot be "{error["input"]}"'
    reason = error.get("ctx", {}).get("error", error["msg"])
    field = Settings.model_fields[name.lower()]
    remedy = getattr(reason, "remedy", _REMEDIES.get(name, f"{name}={field.default}"))
    return f"error: {what}\n  {reason}\n  try: {remedy}"

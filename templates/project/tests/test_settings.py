"""Settings: the environment, then `.env`; what cannot work is refused with its remedy."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from support import SECRET

from app.engine import Limits
from app.service_urls import PROJECT
from app.settings import Settings, SettingsError, load_settings

pytestmark = pytest.mark.usefixtures("env_file")


def test_only_the_secret_has_no_default() -> None:
    loaded = load_settings()
    assert loaded.token_secret.get_secret_value() == SECRET
    assert Limits(**loaded.model_dump(include=set(Limits.model_fields))) == Limits()
    assert loaded.model_dump(exclude={"token_secret", *Limits.model_fields}) == {
        "environment": "production",
        "console": None,
        "console_client": "",
        "host": "127.0.0.1",
        "port": 3000,
        "login_attempts_per_minute": 10,
        "token_lifetime_s": 6000,
        "database_url": f"sqlite+aiosqlite:///{PROJECT}/app.sqlite3",
        "redis_url": "",
        "redis_prefix": "[= project_name =]",
        "redis_required": True,
        "lease_s": 10,
        "allowed_origins": (),
        "trusted_proxies": (),
        "log_format": "text",
        "access_log": False,
        "direct_websockets": True,
        "metrics_token": SecretStr(""),
    }


def test_the_environment_wins_over_the_file(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file.write_text(f"TOKEN_SECRET={SECRET}\nPORT=4000\nHOST=0.0.0.0\nSOMETHING_ELSE=1\n")
    monkeypatch.setenv("PORT", "5000")
    loaded = load_settings()
    assert (loaded.host, loaded.port) == ("0.0.0.0", 5000)


def test_an_empty_variable_of_the_environment_is_the_default_whatever_the_file_says(
    env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env_file.write_text(
        f"TOKEN_SECRET={SECRET}\nPORT=4000\nREDIS_URL=redis://localhost\nALLOWED_ORIGINS=*\nHOST=\n"
    )
    for name in ("PORT", "REDIS_URL", "ALLOWED_ORIGINS"):
        monkeypatch.setenv(name, "")
    loaded = load_settings().model_dump(include={"host", "port", "redis_url", "allowed_origins"})
    assert loaded == {name: Settings.model_fields[name].default for name in loaded}


def test_the_example_has_every_setting_with_its_default(env_file: Path) -> None:
    example = (PROJECT / ".env.example").read_text()
    names = [line.partition("=")[0] for line in example.splitlines() if line and not line.startswith("#")]
    assert {name.upper() for name in Settings.model_fields} <= set(names)
    without_file = load_settings()
    env_file.write_text(example.replace("TOKEN_SECRET=", f"TOKEN_SECRET={SECRET}"))
    assert load_settings() == without_file


def test_the_security_page_has_every_limit_with_its_default() -> None:
    page = (PROJECT / "docs" / "security.md").read_text()
    for name, limit in Limits.model_fields.items():
        assert f"\n| `{name.upper()}` | {limit.default:,} |" in page


@pytest.mark.parametrize(
    ("secret", "what", "reason"),
    [
        ("", "is missing", "it encrypts the tokens"),
        ("hunter2", "cannot be used", "it has 7 bytes"),
        ("Change-me to something long and random", "cannot be used", "it is a placeholder"),
        ("your_secret_goes_here_0123456789abcdef", "cannot be used", "it is a placeholder"),
        ("ab" * 20, "cannot be used", "it repeats a few characters"),
    ],
)
def test_a_secret_that_can_be_guessed_is_refused(secret: str, what: str, reason: str, env_file: Path) -> None:
    env_file.write_text(f"TOKEN_SECRET={secret}\n")
    with pytest.raises(SettingsError) as refusal:
        load_settings()
    problem, because, remedy, where = str(refusal.value).splitlines()
    assert problem == f"error: TOKEN_SECRET {what}"
    assert because.startswith(f"  {reason}")
    assert remedy == (
        '  try: .venv/bin/python -c "import secrets; print(secrets.token_urlsafe(48))"'
        "   # in .env: TOKEN_SECRET=..."
    )
    assert where == f"settings come from the environment, else from {env_file}"
    assert not secret or secret not in str(refusal.value)


def test_without_an_env_file_the_remedy_is_the_script_that_makes_one(env_file: Path) -> None:
    env_file.unlink()
    with pytest.raises(SettingsError) as refusal:
        load_settings()
    assert str(refusal.value).splitlines() == [
        "error: TOKEN_SECRET is missing",
        "  it encrypts the tokens that say who is connecting",
        "  try: scripts/setup",
        f"settings come from the environment, else from {env_file}",
    ]


def test_every_problem_is_named_at_once_without_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "70000")
    monkeypatch.setenv("DATABASE_URL", "mysql://ada:hunter2@localhost/app")
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://example.com/, http://localhost:5173")
    monkeypatch.setenv("TRUSTED_PROXIES", "127.0.0.1, proxy.example.com")
    monkeypatch.setenv("LOG_FORMAT", "xml")
    monkeypatch.setenv("MAX_NESTING", "0")
    monkeypatch.setenv("CONSOLE", "perhaps")
    monkeypatch.setenv("CONSOLE_CLIENT", "node_modules/nowhere.js")
    monkeypatch.setenv("METRICS_TOKEN", "hunter2")
    with pytest.raises(SettingsError) as refusal:
        load_settings()
    text = str(refusal.value)
    assert [line for line in text.splitlines() if line.startswith("error")] == [
        'error: MAX_NESTING cannot be "0"',
        'error: CONSOLE cannot be "perhaps"',
        'error: CONSOLE_CLIENT cannot be "node_modules/nowhere.js"',
        'error: PORT cannot be "70000"',
        "error: DATABASE_URL cannot be used",
        'error: ALLOWED_ORIGINS cannot be "https://example.com/"',
        'error: TRUSTED_PROXIES cannot be "proxy.example.com"',
        'error: LOG_FORMAT cannot be "xml"',
        "error: METRICS_TOKEN cannot be used",
    ]
    assert "\n  try: MAX_NESTING=100\n" in text
    assert "\n  try: CONSOLE=true\n" in text
    assert "it has 7 bytes; with less than 32 it can be guessed" in text
    assert "hunter2" not in text


def test_limits_that_contradict_each_other_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_QUEUE_BYTES", "1000")
    with pytest.raises(SettingsError) as refusal:
        load_settings()
    assert str(refusal.value).splitlines()[:3] == [
        'error: MAX_QUEUE_BYTES cannot be "1000"',
        "  it is less than MAX_MESSAGE_BYTES: a single message would be too much",
        "  try: MAX_QUEUE_BYTES=4000000",
    ]


def test_proxies_are_addresses_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8,2001:DB8:0::1 , 2001:db8::/32")
    assert load_settings().trusted_proxies == ("127.0.0.1", "10.0.0.0/8", "2001:db8::1", "2001:db8::/32")


@pytest.mark.parametrize(
    ("proxy", "reason"),
    [
        ("*", "a proxy is an IP address"),
        ("10.0.0.1:80", "a proxy is an IP address"),
        ("10.0.0.1/8", "a proxy is an IP address"),  # Is it one address that is meant, or 16 million?
        ("0.0.0.0/0", "it is everybody"),
        ("::/0", "it is everybody"),
    ],
)
def test_not_everybody_can_be_a_proxy(proxy: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", proxy)
    with pytest.raises(SettingsError) as refusal:
        load_settings()
    problem, because, remedy, _ = str(refusal.value).splitlines()
    assert problem == f'error: TRUSTED_PROXIES cannot be "{proxy}"'
    assert because.startswith(f"  {reason}")
    assert remedy == "  try: TRUSTED_PROXIES=127.0.0.1,10.0.0.0/8"

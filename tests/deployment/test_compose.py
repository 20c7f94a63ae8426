"""compose.yaml, the Dockerfile and nginx.conf are about the same servers, in the words of the settings."""

import ipaddress
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import settings
from app.engine.limits import DEFAULT_LIMITS, SPARE_CONNECTIONS
from app.service_urls import PROJECT
from app.settings import Settings, load_settings

NODES = ["app-1", "app-2"]
NGINX_CONF = PROJECT / "deploy/nginx.conf"
CONF = NGINX_CONF.read_text()


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((PROJECT / "compose.yaml").read_text())
    return loaded


def directive(name: str) -> list[str]:
    """What nginx.conf says after this name, each time."""
    return re.findall(rf"^\s*{name} (.+);", CONF, re.MULTILINE)


def test_the_services_are_those_of_a_cluster(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert sorted(services) == [*NODES, "postgres", "proxy", "redis"]
    for name, service in services.items():
        if name in NODES:
            assert service["build"] == "."  # Its health check is in the Dockerfile.
        else:
            assert re.fullmatch(r"[a-z]+:\d+(\.\d+)?-alpine", service["image"])
            assert service["healthcheck"]["test"][0] == "CMD"
        assert service["restart"] == "unless-stopped"
        assert all(
            needed == {"condition": "service_healthy"} for needed in service.get("depends_on", {}).values()
        )
    assert sorted(services["app-1"]["depends_on"]) == ["postgres", "redis"]
    assert sorted(services["proxy"]["depends_on"]) == NODES
    declared = {volume.partition(":")[0] for volume in services["postgres"]["volumes"]}
    assert declared == set(compose["volumes"])


def test_nginx_reads_its_configuration_and_listens_where_it_is_published(compose: dict[str, Any]) -> None:
    (listen,) = directive("listen")
    assert compose["services"]["proxy"]["ports"] == [f"127.0.0.1:3000:{listen}"]
    (volume,) = compose["services"]["proxy"]["volumes"]
    source, target, mode = volume.split(":")
    assert (PROJECT / source, target, mode) == (NGINX_CONF, "/etc/nginx/nginx.conf", "ro")
    assert f"http://127.0.0.1:{listen}/healthz" in compose["services"]["proxy"]["healthcheck"]["test"]


def test_nginx_and_the_servers_know_each_other(compose: dict[str, Any]) -> None:
    services = compose["services"]
    environment = services["app-1"]["environment"]
    addresses = {name: services[name]["networks"]["front"]["ipv4_address"] for name in ["proxy", *NODES]}
    servers = [server.split()[0] for server in directive("server")]
    assert servers == [f"{addresses[name]}:{environment['PORT']}" for name in NODES]
    assert environment["TRUSTED_PROXIES"] == addresses["proxy"]
    (network,) = compose["networks"]["front"]["ipam"]["config"]
    subnet = ipaddress.ip_network(network["subnet"])
    # Docker takes the first for itself.
    hosts = {str(host) for host in list(subnet.hosts())[1:]}
    assert set(addresses.values()) <= hosts
    assert len(set(addresses.values())) == len(addresses)
    # Nobody but the servers gets to what has no password, or needs none but this.
    assert compose["networks"]["back"] == {"internal": True}
    assert list(services["proxy"]["networks"]) == ["front"]
    assert [services[name]["networks"] for name in ("postgres", "redis")] == [["back"], ["back"]]
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]


def test_the_servers_start_with_what_compose_and_setup_give_them(
    compose: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    example = (PROJECT / ".env.example").read_text()
    developed = example.replace("\nENVIRONMENT=production\n", "\nENVIRONMENT=development\n")
    password = "abc-DEF_123"
    env_file = tmp_path / ".env"
    env_file.write_text(re.sub("^TOKEN_SECRET=$", f"TOKEN_SECRET={'0123456789' * 4}", developed, flags=re.M))
    monkeypatch.setitem(Settings.model_config, "env_file", env_file)
    monkeypatch.setattr(settings, "ENV_FILE", env_file)
    services = compose["services"]
    assert services["app-1"]["environment"] == services["app-2"]["environment"]
    for name, value in services["app-1"]["environment"].items():
        assert name.lower() in Settings.model_fields
        monkeypatch.setenv(name, re.sub(r"\$\{POSTGRES_PASSWORD:\?[^}]+\}", password, value))

    loaded = load_settings()

    postgres = services["postgres"]["environment"]
    assert "\nPOSTGRES_PASSWORD=\n" in example  # Which scripts/setup and `macchiato new` fill.
    assert re.fullmatch(r"\$\{POSTGRES_PASSWORD:\?[^}]+\}", postgres["POSTGRES_PASSWORD"])
    user, database = postgres["POSTGRES_USER"], postgres["POSTGRES_DB"]
    assert loaded.database_url == f"postgresql+psycopg://{user}:{password}@postgres/{database}"
    assert loaded.redis_url == "redis://redis:6379/0"
    assert loaded.host == "0.0.0.0"
    # Whoever develops here has a console; whoever reaches these servers has none.
    assert (loaded.environment, loaded.has_console) == ("production", False)


def test_the_image_has_what_the_cluster_needs() -> None:
    dockerfile = (PROJECT / "Dockerfile").read_text()
    extras = re.search(r'pip install --no-cache-dir --editable "\.\[(.+)\]"', dockerfile)
    assert extras is not None
    assert extras[1].split(",") == ["postgres", "redis"]
    declared = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras[1].split(",")) <= set(declared)


def test_nginx_is_no_stricter_than_the_servers() -> None:
    """Nor more patient, where it takes the waiting off them."""
    limits = DEFAULT_LIMITS
    seconds = {
        name: int(directive(name)[0].removesuffix("s"))
        for name in (
            *("proxy_read_timeout", "proxy_send_timeout"),
            *("client_header_timeout", "client_body_timeout"),
        )
    }
    assert seconds["proxy_read_timeout"] > limits.ping_interval_s + limits.ping_timeout_s
    assert seconds["proxy_send_timeout"] > limits.ping_interval_s + limits.ping_timeout_s
    assert seconds["client_header_timeout"] == limits.head_timeout_s
    assert seconds["client_body_timeout"] == limits.body_timeout_s
    (largest,) = directive("client_max_body_size")
    assert int(largest.removesuffix("m")) * 2**20 >= limits.max_message_bytes
    assert directive("limit_conn") == [f"addresses {2 * limits.connections_per_address + SPARE_CONNECTIONS}"]


def test_nginx_keeps_no_connection_for_the_requests_of_others() -> None:
    """Later versions than Debian's do so, unless told otherwise: a worker of --workers would get them all."""
    assert directive("keepalive") == []
    assert directive("proxy_set_header Connection") == ["$connection_upgrade"]
    default_is_close = r"map \$http_upgrade \$connection_upgrade \{\s+default upgrade;\s+''\s+close;\s+\}"
    assert re.search(default_is_close, CONF)

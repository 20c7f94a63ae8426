"""The console: where it is offered, and what keeps others out of it."""

import re
from pathlib import Path

import aiohttp
import pytest
from support import RunningServer, start_server, stop_server

from app.console import CLIENT_INTEGRITY, CLIENT_URL

PAGE = Path(__file__).resolve().parents[1] / "app" / "console" / "page"


async def get(url: str) -> tuple[int, dict[str, str], str]:
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        return answer.status, dict(answer.headers), await answer.text()


def start_line(server: RunningServer) -> str:
    return server.log_path.read_text().partition("\n")[0]


@pytest.mark.parametrize(
    "settings", [{"ENVIRONMENT": "production"}, {"ENVIRONMENT": "development", "CONSOLE": "false"}]
)
async def test_it_is_not_there_in_production_or_when_it_is_not_wanted(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    server = start_server(tmp_path, **settings)
    try:
        for path in ("/console", "/console/main.js", "/console/socket.io.js"):
            status, _, text = await get(f"{server.url}{path}")
            assert (status, text) == (404, '{"detail":"Not Found"}')
        assert "console" not in (await get(f"{server.url}/openapi.json"))[2]
        assert start_line(server) == f"Serving on {server.url} (HTTP API: /docs). Press Ctrl-C to stop."
    finally:
        stop_server(server)


async def test_it_is_there_in_development(server: RunningServer) -> None:
    status, headers, page = await get(f"{server.url}/console")

    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert (
        f'<script src="{CLIENT_URL}" integrity="{CLIENT_INTEGRITY}" crossorigin="anonymous" defer></script>'
        in page
    )
    assert "[console](console)" in (await get(f"{server.url}/openapi.json"))[2]
    assert start_line(server) == (
        f"Serving on {server.url} (HTTP API: /docs, console: /console). Press Ctrl-C to stop."
    )


async def test_only_its_own_scripts_run_and_nobody_frames_caches_or_hears_of_it(
    server: RunningServer,
) -> None:
    expected = {
        "Content-Security-Policy": (
            f"default-src 'none'; script-src 'self' {CLIENT_URL}; style-src 'self'; connect-src 'self'; "
            "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
            "require-trusted-types-for 'script'; trusted-types 'none'"
        ),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    for path in ("/console", "/console/main.js", "/console/console.css"):
        _, headers, _ = await get(f"{server.url}{path}")
        assert {name: headers.get(name) for name in expected} == expected


async def test_all_that_the_page_refers_to_is_there_and_nothing_else(server: RunningServer) -> None:
    texts = "\n".join(path.read_text("utf-8") for path in PAGE.iterdir())
    parts = set(re.findall(r'"(?:console|\.)/([\w.]+)"', texts))
    assert parts == {path.name for path in PAGE.iterdir()} - {"index.html"}

    for part in parts:
        status, headers, text = await get(f"{server.url}/console/{part}")
        kind = "css" if part.endswith(".css") else "javascript"
        assert (status, headers["Content-Type"]) == (200, f"text/{kind}; charset=utf-8")
        assert text == (PAGE / part).read_text("utf-8")
    for absent in ("socket.io.js", "__init__.py", "..%2F__init__.py", "..%2f..%2fmain.py"):
        assert (await get(f"{server.url}/console/{absent}"))[0] == 404


async def test_a_file_of_your_own_takes_the_place_of_the_cdn(tmp_path: Path) -> None:
    client = tmp_path / "client.js"
    client.write_text("// a client")
    server = start_server(tmp_path, ENVIRONMENT="production", CONSOLE="true", CONSOLE_CLIENT=str(client))
    try:
        _, headers, page = await get(f"{server.url}/console")
        status, _, script = await get(f"{server.url}/console/socket.io.js")
    finally:
        stop_server(server)

    assert re.findall("<script.*</script>", page) == [
        '<script src="console/socket.io.js" defer></script>',
        '<script type="module" src="console/main.js"></script>',
    ]
    assert "script-src 'self'; " in headers["Content-Security-Policy"]
    assert (status, script) == (200, "// a client")

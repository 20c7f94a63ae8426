"""`GET /console`: a page that talks to the namespaces as their users do, for development.

The page is `page/`: what it shows of the namespaces is from /asyncapi.json.
"""

from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException, Response

# npm's socket.io-client: this address has its dist/socket.io.min.js byte for byte. To verify the hash:
#   npm pack socket.io-client@4.8.4 && tar -xOf socket.io-client-4.8.4.tgz package/dist/socket.io.min.js |
#   openssl dgst -sha384 -binary | base64
CLIENT_VERSION: Final = "4.8.4"
CLIENT_URL: Final = f"https://cdn.jsdelivr.net/npm/socket.io-client@{CLIENT_VERSION}/dist/socket.io.min.js"
CLIENT_INTEGRITY: Final = "sha384-fBrXvbDtHoeKWJ/hcA6M+YGueiDW+h45I7V6F2kD1S8bOkrF9rZYPLVkCR6BLR/1"

_PAGE: Final = Path(__file__).parent / "page"
_CLIENT_MARK: Final = "<!-- the Socket.IO client -->"
_MEDIA_TYPES: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


def create_console(client: str) -> APIRouter:
    """The routes of the console, whose files are read now.

    Args:
        client: A file that is the Socket.IO client; empty: browsers get it from a CDN.
    """
    files = {path.name: path.read_bytes() for path in _PAGE.iterdir() if path.suffix in _MEDIA_TYPES}
    if client:
        files["socket.io.js"] = Path(client).read_bytes()
        tag = '<script src="console/socket.io.js" defer></script>'
    else:
        attributes = f'integrity="{CLIENT_INTEGRITY}" crossorigin="anonymous" defer'
        tag = f'<script src="{CLIENT_URL}" {attributes}></script>'
    files["index.html"] = files["index.html"].replace(_CLIENT_MARK.encode(), tag.encode())
    headers = headers_of("'self'" if client else f"'self' {CLIENT_URL}")
    console = APIRouter(include_in_schema=False)

    def answer(name: str) -> Response:
        if name not in files:
            raise HTTPException(404)
        return Response(files[name], media_type=_MEDIA_TYPES[Path(name).suffix], headers=headers)

    @console.get("/console")
    async def page() -> Response:
        return answer("index.html")

    @console.get("/console/{name}")
    async def part_of_page(name: str) -> Response:
        return answer(name)

    return console


def headers_of(scripts: str) -> dict[str, str]:
    """What keeps others out of the page, their scripts and their frames; and the page out of caches."""
    policy = {
        "default-src": "'none'",
        "script-src": scripts,
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        # Text cannot become HTML or a script in this page, even by mistake.
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }

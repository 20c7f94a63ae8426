"""What uvicorn is told, by whichever process serves."""

from pathlib import Path

from .engine.uvicorn_patience import LimitedConfig
from .engine.uvicorn_server import uvicorn_config
from .logs import log_config
from .settings import Settings


def serving_config(settings: Settings, *, reload: bool = False, worker: int | None = None) -> LimitedConfig:
    return uvicorn_config(
        "app.main:create_app",
        limits=settings,
        trusted_proxies=settings.trusted_proxies,
        direct_websockets=settings.direct_websockets,
        access_log=settings.access_log,
        log_config=log_config(settings.log_format, access_log=settings.access_log, worker=worker),
        reload_dirs=[str(Path(__file__).parent)] if reload else None,
    )

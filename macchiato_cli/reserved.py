"""Names that are taken: by Python, by Windows, by Socket.IO, by the generated project."""

WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{device}{number}" for device in ("com", "lpt") for number in range(10)}
)

# Modules of Python versions up to 3.14; `sys.stdlib_module_names` knows those of the running one only.
LATER_STDLIB_MODULES = frozenset({"annotationlib", "compression", "distutils", "imp", "asyncore", "asynchat"})

# A namespace `users` would also be tests/test_users.py, and `account` clients/account.py.
PROJECT_MODULES = frozenset(
    """
    account app attempts clients common config conftest connections console contract contract_changes
    contracts
    conversation core engine events guards
    http logs macchiato main middlewares migrations namespaces operations results settings settings_services
    socket_wrapper support test tests tokens typed users
    """.split()
)

# What the generated server says or answers on its own (app/core/listeners.py reserves the same).
SERVER_EVENTS = frozenset({"closing", "renewToken"})

# https://socket.io/docs/v4/emit-cheatsheet/#reserved-events
SOCKETIO_EVENTS = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)

# What every listener is called with before what the client sent (app/core/listeners.py has the same).
GIVEN_TO_LISTENERS = ("wrapper", "client", "metadata")

# What pydantic has on every model, but for what begins with `model_`.
MODEL_ATTRIBUTES = frozenset(
    """
    construct copy dict from_orm json parse_file parse_obj parse_raw schema schema_json
    update_forward_refs validate
    """.split()
)

# What the generated project installs. A script in clients/ of the same name would be imported instead.
DEPENDENCY_MODULES = frozenset(
    """
    aiohappyeyeballs aiohttp aiosignal aiosqlite alembic annotated_doc annotated_types anyio argon2
    ast_serialize asyncpg attr attrs bidict cffi click colorama coverage cryptography deprecated dns
    dotenv email_validator engineio execnet fastapi frozenlist greenlet h11 hatchling hiredis httpcore
    httptools httpx hypothesis idna iniconfig jinja2 joserfc librt limits macchiato_cli mako markupsafe
    multidict mypy mypy_extensions mypyc opentelemetry orjson packaging pathspec pip pluggy
    prometheus_client propcache psycopg psycopg_binary py pycparser pydantic pydantic_core
    pydantic_settings pygments pyright pytest pytest_asyncio pytest_timeout pythonjsonlogger redis
    requests rich ruff setuptools simple_websocket sniffio socketio sqlalchemy starlette typing_extensions
    typing_inspection tzdata uv uvicorn uvloop watchfiles websocket websockets wrapt wrapt_stubs wsproto
    xdist yaml yarl
    """.split()
)

# The same for a project: one called "fastapi" could not install FastAPI.
DISTRIBUTIONS = frozenset(
    """
    aiohappyeyeballs aiohttp aiosignal aiosqlite alembic annotated-doc annotated-types anyio argon2-cffi
    argon2-cffi-bindings ast-serialize asyncpg attrs bidict cffi click colorama cryptography deprecated
    dnspython email-validator execnet fastapi frozenlist greenlet h11 hatchling hiredis httpcore httptools
    httpx hypothesis idna iniconfig joserfc librt limits macchiato-cli mako markupsafe multidict mypy
    mypy-extensions opentelemetry-api orjson packaging pathspec pip pluggy prometheus-client propcache
    psycopg psycopg-binary pycparser pydantic pydantic-core pydantic-settings pygments pytest
    pytest-asyncio pytest-timeout pytest-xdist python-dotenv python-engineio python-json-logger
    python-socketio redis ruff setuptools simple-websocket sniffio sqlalchemy starlette typing-extensions
    typing-inspection tzdata uvicorn uvloop watchfiles websocket-client websockets wrapt wsproto yarl
    """.split()
)

"""What `macchiato list` reads is what the import would say; what might not be is not read."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from macchiato_cli.listing import signature, signature_of_heard
from macchiato_cli.namespaces import import_namespaces
from macchiato_cli.reading import read_namespaces
from macchiato_cli.reading.modules import Modules
from macchiato_cli.report import Report
from tests.cli.borrowed_environment import make_environment
from tests.cli.conftest import Macchiato, Ran

# Written the usual way, in many ways.
USUAL = {
    "models": """
from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional, Union
from uuid import UUID

import uvicorn
from pydantic import BaseModel, Field

from ..core import Client, ClientMetadata, SocketNok, SocketOk, SocketWrapper, socket_nok, socket_ok
from ..core import Event, OnlineCount, Presence, Question, Unavailable
from ..middlewares import UserMetadata, require_token as guard

logger = logging.getLogger(__name__)
LIMIT = 10 * 1024
ROOMS = {"a": ["b"], "c": (1, -2)}
Text = Annotated[str, Field(min_length=1, max_length=2000, description="what is said")]
Many = list[Annotated[Text, Field(max_length=3)]]


class Task(BaseModel):
    '''What is to be done.'''

    title: Text = Field(max_length=10)
    done: bool = False
    tags: Many
    count: Annotated[int, Field(ge=0, lt=10)] = 1

    def shortened(self, length: int = 3) -> str:
        return self.title[:length]


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float = 0.0
    others: list[str] = field(default_factory=list)


@dataclass
class Odd:
    wrapper: SocketWrapper


models = SocketWrapper[UserMetadata](
    client_connection_key="user_id",
    connection_middleware=guard,
    socket_namespace="models/",
)


added: Event[Task] = models.event("added", Task)
moved = models.event("moved", Text, Many, list[Task] | None)
over = models.event(
    "over"
)
sure = models.question("sure", Optional[str], None, answer=Annotated[bool, Field(title="surely")])
count: Question[int] = models.question("count", answer=int)


async def helper(name: str, *, odd: Odd | None = None, **rest: Any) -> "dict[str, Client[None]]":
    await asyncio.sleep(LIMIT)
    return {}


@models.listener("add")
async def on_add(
    wrapper: SocketWrapper[UserMetadata],
    client: Client[UserMetadata],
    metadata: UserMetadata,
    task: Task,
    point: "Point | None",
    who: UserMetadata,
    untyped,
    when: Optional[datetime] = None,
    key: Union[UUID, str, int] = -1,
    mode: Literal["a'b", 1, True, None] = "a'b",
    some: dict[str, list[Task | None]] | None = None,
    pair: tuple[int, Decimal] | tuple[str, ...] = None,
    /,
    anything: Any = 1.5,
    thing: object = b"x",
    *rest: Many,
) -> Task | None:
    global nothing_yet
    nothing_yet = SocketWrapper(socket_namespace="later")


@models.listener("third", errors=["too_late", "too_early"])
@models.listener(
    "second", errors=()
)
async def on_two(wrapper, client, metadata): ...
""",
    "several": """
from app.core import SocketWrapper

from .. import services
from ..users import User
from ..own.guards import let_in as let


async def on_words(wrapper: object, client: object, metadata: object, *words: str) -> User | None: ...
async def first(wrapper: object, client: object, metadata: object) -> None:
    await services.users()
async def told(wrapper: object, presence: object) -> None: ...
def publish(metadata: object) -> dict[str, object]: ...
listeners_of_one: str = "no wrapper"
one: SocketWrapper[None] = SocketWrapper(
    socket_namespace="one", listeners={"words": on_words, "again": on_words}
)
two = (
    SocketWrapper(socket_namespace="/two", connection_middleware=let, after_client_connect=first,
        on_client_disconnect=first, middleware_timeout_s=2,
        on_client_online=told, on_client_offline=told, published_metadata=publish)
)
""",
    "without": "import logging as log\nfrom collections.abc import Sequence\nNUMBERS: Sequence[int] = [1]\n",
}
GUARDS = """
from dataclasses import dataclass
from typing import Any
from ..core import Client, ClientMetadata, SocketNok, SocketOk, SocketWrapper, middleware, socket_ok
from .. import services
@dataclass
class Member:
    name: str
@middleware(auth=Member, errors=["no_member"])
async def let_in(
    wrapper: SocketWrapper[Any], client: Client[Any], comm_id: str | None, metadata: ClientMetadata
) -> SocketOk[Member] | SocketNok:
    return socket_ok(Member("x"))
"""

NEW = "other = SocketWrapper(socket_namespace='o', "
BASE = """
from typing import Annotated, Any, Literal, Union
from dataclasses import dataclass
import datetime
import logging
from pydantic import BaseModel, Field
from ..core import Client, SocketWrapper
from ..middlewares import require_token
w = SocketWrapper(socket_namespace="base")
@w.listener("event")
async def on_event(wrapper: object, client: object, metadata: object, text: str) -> None: ...
"""
REST = "(wrapper: object, client: object, metadata: object"


def listener(parameters: str = "", *, event: str = '"x"') -> str:
    return f"@w.listener({event})\nasync def on_x{REST}, {parameters}) -> None: ...\n"


# Each for one reason, after what is read.
ODD = {
    "loop": "for name in 'ab':\n    SocketWrapper(socket_namespace=name)\n",
    "condition": "if True:\n    other = SocketWrapper(socket_namespace='other')\n",
    "call with the wrapper": "vars(w)\n",
    "call": "made = dict(a=1)\n",
    "wrapper without a name": "SocketWrapper(socket_namespace='other')\n",
    "wrapper in a list": "many = [SocketWrapper(socket_namespace='other')]\n",
    "second name": "other = w\n",
    "two names": "a = b = SocketWrapper(socket_namespace='other')\n",
    "name given twice": "w = SocketWrapper(socket_namespace='other')\n",
    "name deleted": "del w\n",
    "attribute set": "w.namespace = '/other'\n",
    "same namespace": "other = SocketWrapper(socket_namespace='base')\n",
    "computed namespace": "N = 'a'\nother = SocketWrapper(socket_namespace=N)\n",
    "namespace that is no text": "other = SocketWrapper(socket_namespace=5)\n",
    "no namespace": "other = SocketWrapper()\n",
    "positional namespace": "other = SocketWrapper('other')\n",
    "unknown option": "other = SocketWrapper(socket_namespace='other', odd=1)\n",
    "options from elsewhere": "O = {}\nother = SocketWrapper(socket_namespace='other', **O)\n",
    "key without a middleware": "other = SocketWrapper(socket_namespace='o', client_connection_key='id')\n",
    "middleware that is no function's": f"{NEW}connection_middleware=print)\n",
    "middleware that is a class": "class C(BaseModel): ...\n"
    "other = SocketWrapper(socket_namespace='o', connection_middleware=C)\n",
    "computed listeners": "L = {}\nother = SocketWrapper(socket_namespace='o', listeners=L)\n",
    "listener later": f"{NEW}listeners={{'e': on_l}})\nasync def on_l{REST}): ...\n",
    "listener of another module": f"{NEW}listeners={{'e': require_token}})\n",
    "event twice in a dict": f"{NEW}listeners={{'e': on_event, 'e': on_event}})\n",
    "subclass": "class W(SocketWrapper): ...\nother = W(socket_namespace='o')\n",
    "walrus": "x: str = (other := SocketWrapper(socket_namespace='o'))\n",
    "default that makes one": "def f(x=SocketWrapper(socket_namespace='o')): ...\n",
    "listener added by a call": "w.listener('x')(on_event)\n",
    "reserved event": listener(event="'disconnect'"),
    "the server's own event": listener(event="'renewToken'"),
    "event twice": listener(event="'event'"),
    "computed event": "E = 'x'\n" + listener(event="E"),
    "event that is no text": listener(event="5"),
    "decorator around a listener": "import functools\n@functools.cache\n" + listener(),
    "decorator inside a listener": f"@w.listener('x')\n@staticmethod\nasync def on_x{REST}): ...\n",
    "decorator of another kind": "@w.attach\nasync def f(): ...\n",
    "listener with computed errors": "E = ['x']\n@w.listener('x', errors=E)\n"
    + f"async def on_x{REST}): ...\n",
    "listener with errors that are no texts": f"@w.listener('x', errors=[1])\nasync def on_x{REST}): ...\n",
    "listener with another option": f"@w.listener('x', odd=1)\nasync def on_x{REST}): ...\n",
    "middleware without auth": "from ..core import middleware\n@middleware()\nasync def f(): ...\n",
    "middleware of another kind": "def m(auth): ...\n@m(auth=str)\nasync def f(): ...\n",
    "middleware whose auth pydantic cannot take": "from ..core import middleware\n"
    "@middleware(auth=Client[Any])\nasync def f(): ...\n",
    "event without a name": "e = w.event()\n",
    "event with a computed name": "N = 'e'\ne = w.event(N)\n",
    "event whose name is no text": "e = w.event(5)\n",
    "event that is reserved": "e = w.event('closing')\n",
    "event declared twice": "e = w.event('e')\nf = w.question('e', answer=int)\n",
    "event of a quoted type": "e = w.event('e', 'str')\n",
    "event of an unknown type": "e = w.event('e', Nope)\n",
    "event of a type that pydantic cannot take": "e = w.event('e', Client[Any])\n",
    "event with an option": "e = w.event('e', answer=int)\n",
    "event with types from elsewhere": "T = [str]\ne = w.event('e', *T)\n",
    "event over an odd line break": "e = (w\n    .event('e'))\n",
    "event that nobody can send": "w.event('e')\n",
    "question without an answer": "e = w.question('e')\n",
    "another call of the wrapper": "e = w.online()\n",
    "listener that is not async": f"@w.listener('x')\ndef on_x{REST}): ...\n",
    "listener that yields": f"@w.listener('x')\nasync def on_x{REST}):\n    yield 1\n",
    "listener with too few parameters": "@w.listener('x')\nasync def on_x(wrapper, client): ...\n",
    "keyword-only parameter": listener("*, a: str"),
    "keywords": listener("**a: str"),
    "unknown type": listener("a: Nope"),
    "type that pydantic cannot take": listener("a: Client[Any]"),
    "type that is no type": "def f(): ...\n" + listener("a: f"),
    "type that is a value": "X = 5\n" + listener("a: X"),
    "type that is a module": listener("a: datetime"),
    "type of a call": listener("a: type(1)"),
    "quoted type inside": listener("a: list['str']"),
    "too many types": listener("a: dict[str, str, str]"),
    "too few types": listener("a: dict[str]"),
    "type that takes none": listener("a: str[int]"),
    "or of nothing": listener("a: None | None"),
    "constraint that does not fit": listener("a: Annotated[int, Field(max_length=3)]"),
    "fraction as the bound of an int": listener("a: Annotated[int, Field(ge=0.5)]"),
    "unknown note": listener("a: Annotated[str, print]"),
    "literal that is computed": listener("a: Literal[-1]"),
    "computed default": listener("a: int = int('1')"),
    "default that is a name": listener("a: Any = w"),
    "default in no order": listener("a: set[str] = {'a', 'b'}"),
    "unknown return type": f"@w.listener('x')\nasync def on_x{REST}) -> Nope: ...\n",
    "helper of an unknown type": "def f(x: Nope): ...\n",
    "helper with a decorator": "@staticmethod\ndef f(): ...\n",
    "model with a validator": "class M(BaseModel):\n    @classmethod\n    def a(cls): ...\n",
    "model with code": "class M(BaseModel):\n    print()\n",
    "model with a hook": "class M(BaseModel):\n    def __get_pydantic_core_schema__(self): ...\n",
    "model of an unknown type": "class M(BaseModel):\n    a: Client[Any]\n",
    "model with a computed default": "class M(BaseModel):\n    a: list = list()\n",
    "model whose field is its type": "class M(BaseModel):\n    datetime: datetime.datetime\n",
    "model with a reserved field": "class M(BaseModel):\n    model_config: str\n",
    "model with a field twice": "class M(BaseModel):\n    a: str\n    a: int\n",
    "model with two bases": "class M(BaseModel, object): ...\n",
    "class": "class C:\n    a: str\n",
    "metaclass": "class C(metaclass=type): ...\n",
    "dataclass of defaults in disorder": "@dataclass\nclass C:\n    a: int = 1\n    b: int\n",
    "dataclass with a shared default": "@dataclass\nclass C:\n    a: list[int] = []\n",
    "dataclass with a computed default": "from dataclasses import field\n"
    "@dataclass\nclass C:\n    a: int = field(default=int())\n",
    "dataclass whose default another function makes": "from dataclasses import field\ndef f(): ...\n"
    "@dataclass\nclass C:\n    a: int = field(default_factory=f)\n",
    "dataclass with odd options": "@dataclass(order=True, eq=False)\nclass C: ...\n",
    "builtin given another meaning": "str = 5\n",
    "__getattr__": "def __getattr__(name): ...\n",
    "star import": "from ..middlewares import *\n",
    "missing library": "import nope\n",
    "missing module": "from .. import nope\n",
    "missing name": "from ..middlewares import nope\n",
    "missing name of the core": "from ..core import nope\n",
    "missing name of the standard library": "from typing import nope\n",
    "odd module of the standard library": "import antigravity\n",
    "name of a library": "from httpx import Client as C\n",
    "wrapper of another namespace": "from .dev_user import dev_user_socket\n",
    "another namespace": "from . import dev_user\n",
    "beyond the project": "from .... import x\n",
    "syntax error": "def f(:\n",
    "return at the left margin": "return\n",
    "parameter given twice": "def f(a, a): ...\n",
    "raise": "raise ValueError\n",
    "try": "try:\n    import a\nexcept ImportError:\n    pass\n",
    "assert": "assert w\n",
    "odd escape": "X = '\\d'\n",
    "too deep": f"X = {'(' * 300}{')' * 300}\n",
    "null byte": "X = '\0'\n",
}


@pytest.fixture(scope="module")
def ready(rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh project with an environment: what is added to it has to be taken away again."""
    root = tmp_path_factory.mktemp("reading") / "demo"
    shutil.copytree(rendered, root)
    make_environment(root)
    return root


@pytest.fixture
def own(ready: Path, tmp_path: Path) -> Path:
    """The same for one test alone."""
    return Path(shutil.copytree(ready, tmp_path / "demo", symlinks=True))


@pytest.fixture
def base(ready: Path) -> Generator[Path]:
    """A module of the project which says what BASE says."""
    path = ready / "app/namespaces/base.py"
    path.write_text(BASE)
    assert read_namespaces(ready) is not None
    yield path
    path.unlink()


def add_own_package(root: Path) -> None:
    (root / "app/own").mkdir()
    (root / "app/own/__init__.py").touch()
    (root / "app/own/guards.py").write_text(GUARDS)


def test_what_is_read_is_what_the_import_says(own: Path) -> None:
    add_own_package(own)
    for name, text in USUAL.items():
        (own / f"app/namespaces/{name}.py").write_text(text)

    read = read_namespaces(own)
    imported = import_namespaces(own, own / ".venv/bin/python", again="")

    assert imported.broken == []
    assert [each["namespace"] for each in imported.found] == ["/devUser", "/models", "/one", "/two"]
    assert read == imported.found


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_what_is_not_usual_is_not_read(base: Path, ready: Path, text: str) -> None:
    base.write_text(BASE + text)

    assert read_namespaces(ready) is None


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("app/core/results.py", "\n"),
        ("app/core/__init__.py", "\n"),
        ("app/namespaces/__init__.py", "\n"),
        ("app/__init__.py", "\n"),
        # Further down: a changed one is read, and this is not what can be.
        ("app/services.py", "1 / 0\n"),
        ("app/settings.py", "\n"),
        ("app/middlewares.py", "print()\n"),
        # In place of what is imported.
        ("app/middlewares/__init__.py", ""),
        ("app/core.cpython-311-x86_64-linux-gnu.so", ""),
        ("pydantic.py", ""),
        ("asyncio/__init__.py", ""),
        # What else Python takes for a module, or what nobody knows.
        ("app/namespaces/package/__init__.py", ""),
        ("app/namespaces/folder/note.txt", ""),
        ("app/namespaces/odd-name.py", ""),
        ("app/namespaces/compiled.pyc", ""),
        ("app/namespaces/notes.txt", ""),
        # What dotenv alone can read, and hide.
        (".env", "A=1\nTOKEN_SECRET=${A}23456\n"),
        (".env", "TOKEN_SECRET='1\n23456'\n"),
        # An environment of another Python.
        (".venv/lib/python3.9/site-packages/x.py", ""),
    ],
)
def test_a_project_that_is_not_usual_is_not_read(own: Path, path: str, text: str) -> None:
    assert read_namespaces(own) is not None
    changed = own / path
    changed.parent.mkdir(parents=True, exist_ok=True)
    changed.write_text((changed.read_text() if changed.exists() else "") + text)

    assert read_namespaces(own) is None


def test_an_environment_without_a_library_is_not_read(own: Path) -> None:
    next((own / ".venv/lib").glob("python*/site-packages/borrowed.pth")).unlink()

    assert read_namespaces(own) is None


def test_typed_events_are_read_as_they_were_given(macchiato: Macchiato, own: Path) -> None:
    events = ["sendMessage(text: str, urgent: bool = False)", "draw(x: float | None, *more: dict[str, int])"]
    typed = [word for event in events for word in ("--event", event)]
    assert macchiato("add-namespace", "chat", *typed, "-q", folder=own) == Ran(0, "", "")

    read = read_namespaces(own)

    assert read == import_namespaces(own, own / ".venv/bin/python", again="").found
    assert [signature(event) for event in read[0]["events"]] == events
    assert [signature_of_heard(heard) for heard in read[0]["heard"]] == [
        "sendMessage(SendMessage)",
        "draw(Draw)",
    ]


def test_a_library_that_the_project_has_itself_is_not_read(own: Path) -> None:
    module = own / "app/namespaces/dev_user.py"
    module.write_text(module.read_text().replace("from pydantic", "import copier\n\nfrom pydantic", 1))
    assert read_namespaces(own) is not None
    (own / "copier.py").touch()

    assert read_namespaces(own) is None


def test_modules_that_need_each_other_are_not_read(own: Path) -> None:
    add_own_package(own)
    (own / "app/namespaces/several.py").write_text(USUAL["several"])
    assert read_namespaces(own) is not None
    (own / "app/own/guards.py").write_text("from . import others\n")
    (own / "app/own/others.py").write_text("from .guards import let_in\n")

    assert read_namespaces(own) is None


def test_a_module_of_one_s_own_with_a_wrapper_is_not_read(own: Path) -> None:
    add_own_package(own)
    (own / "app/namespaces/several.py").write_text(USUAL["several"])
    (own / "app/own/guards.py").write_text(f"{GUARDS}hidden = SocketWrapper(socket_namespace='hidden')\n")

    assert read_namespaces(own) is None


def test_a_guard_in_the_middlewares_is_read(own: Path) -> None:
    path = own / "app/middlewares.py"
    path.write_text(f"{path.read_text()}\n\nasync def nobody(wrapper: object) -> None: ...\n")
    module = own / "app/namespaces/dev_user.py"
    module.write_text(module.read_text().replace("require_token", "nobody"))

    found = read_namespaces(own)

    assert [each["guard"] for each in found or ()] == ["nobody"]


def test_what_an_older_core_does_not_declare_is_not_missed(own: Path) -> None:
    """A project of an earlier version: its wrappers have neither events nor questions."""
    core = own / "app/core/socket_wrapper.py"
    core.write_text(core.read_text().replace("(DeclaresEvents, Generic[Metadata])", "(Generic[Metadata])"))
    (own / "app/namespaces/dev_user.py").write_text(
        "from ..core import SocketWrapper\nold = SocketWrapper(socket_namespace='old')\n"
        f"@old.listener('x')\nasync def on_x{REST}) -> int: ...\n"
    )

    imported = import_namespaces(own, own / ".venv/bin/python", again="")

    assert imported.broken == []
    assert [(each["events"][0]["answer"], each["heard"]) for each in imported.found] == [("int", [])]


def test_no_secret_of_the_project_is_read_aloud(own: Path) -> None:
    secret = re.findall(r"^TOKEN_SECRET=(.+)$", (own / ".env").read_text(), re.MULTILINE)[0]
    module = own / "app/namespaces/dev_user.py"
    module.write_text(module.read_text().replace("text: Text,", f'text: Text = "{secret}",'))

    found = read_namespaces(own)

    assert [each["events"][0]["parameters"][0]["default"] for each in found or ()] == ["'***'"]


@pytest.fixture(scope="module")
def imported(ready: Path) -> list[str]:
    """What Python imports with a namespace of a fresh project."""
    script = "import sys, app.namespaces.dev_user; print(*sorted(sys.modules))"
    python = ready / ".venv/bin/python"
    ended = subprocess.run([python, "-c", script], cwd=ready, capture_output=True, text=True, check=True)
    return ended.stdout.split()


def test_what_our_own_modules_import_is_known(ready: Path, imported: list[str]) -> None:
    modules = Modules(ready)

    for name in modules.namespaces():
        modules.wrappers_of(name)

    own = [name for name in imported if name.partition(".")[0] == "app"]
    assert sorted({*modules.reached, "app.namespaces.dev_user"}) == own


def test_a_namespace_does_without_alembic(imported: list[str]) -> None:
    assert {"sqlalchemy", "alembic"} & set(imported) == {"sqlalchemy"}


def test_what_rich_is_not_needed_for_looks_as_with_rich(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> str:
        report = Report()
        report.table(
            ("a", "long heading", "c"), [("x", "", ""), ("wider than that", "b" * 90, "c\n")], folding="c"
        )
        report.note("[bold]a note[/] of :smile: 'text'  ")
        return capsys.readouterr().out

    plain = told()
    # Rich takes any terminal for a pipe then, and prints without colours.
    monkeypatch.setenv("TTY_COMPATIBLE", "0")

    assert plain == told()
    assert plain.splitlines()[1] == "x"


def test_a_fresh_project_is_listed_without_a_process(macchiato: Macchiato, own: Path) -> None:
    (own / ".venv/bin/python").unlink()
    (own / ".venv/bin/python").write_text("#!/bin/sh\ntouch was-run\nexit 1\n")
    (own / ".venv/bin/python").chmod(0o755)

    ran = macchiato("list", folder=own)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[1].split() == [
        *("/devUser", "require_token", "user_id"),
        "app/namespaces/dev_user.py:10",
    ]
    assert not (own / "was-run").exists()

"""The console as somebody sees it who has it open in a browser."""

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

expect.set_options(timeout=10_000)


@dataclass(frozen=True)
class User:
    """One of the users that the page has side by side."""

    column: Locator

    def register(self) -> None:
        self.column.get_by_role("button", name="Register").click()
        expect(self.column.get_by_role("button", name="Log out")).to_be_visible()

    def connect(self, namespace: str = "/hall") -> None:
        self.column.get_by_label("Namespace").select_option(namespace)
        self.column.get_by_role("button", name="Connect", exact=True).click()

    def joins(self, namespace: str = "/hall") -> None:
        """Registers and connects."""
        self.register()
        self.connect(namespace)
        expect(self.state).to_have_text("connected")

    def event(self, name: str) -> Locator:
        """The form of an event, which is open afterwards."""
        details = self.column.locator("details").filter(has=self.column.page.locator(f"b:text-is('{name}')"))
        if details.get_attribute("open") is None:
            details.locator("summary").click()
        return details

    def say(self, text: str) -> None:
        field = self.event("say").get_by_label("text")
        field.fill(text)
        field.press("Enter")

    @property
    def state(self) -> Locator:
        return self.column.locator(".pill")

    @property
    def entries(self) -> Locator:
        """What was sent and heard, the latest one last."""
        return self.column.get_by_role("log").get_by_role("listitem")

    @property
    def last_ack(self) -> Locator:
        """What came of the event that was sent last."""
        return self.column.locator(".sent").last.locator(".ack")


@dataclass(frozen=True)
class Console:
    page: Page
    complaints: list[str]
    """What the browser says is wrong with the page: errors, and what its policy forbids."""

    def user(self, name: str) -> User:
        return User(self.page.get_by_role("region", name=name, exact=True))

    @property
    def online(self) -> Locator:
        return self.page.get_by_role("region", name="Connected in this page").locator("p")

    @property
    def is_wider_than_the_window(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))

"""Three people rate at once in a real Chromium: with the mouse, by keys, on a phone. The server is killed meanwhile."""

import json
import random
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from browser import PATIENCE, Browser, Page, chromium, wait_for
from rated_run import ARMS, Server, build_run

from topgraft.rating.store import Store

pytestmark = pytest.mark.skipif(chromium() is None, reason="there is no Chromium on this machine")
QUESTIONS = ("coherence", "relevance")
CHOICES = ("left", "equal", "right")
BEFORE, AWAY = 3, 7
"""Screens that each rater answers before all have begun, and then while the server is killed and stays away."""


@pytest.fixture(scope="module")
def browser():
    found = Browser(chromium() or "")
    yield found
    found.close()


class Person:
    """A rater with a page, who notes every click that they make."""

    def __init__(self, page: Page, name: str, keys: bool) -> None:
        self.page, self.name, self.keys = page, name, keys
        self.chance = random.Random(name)
        self.clicked: list[tuple[int, str, str]] = []

    def come(self, link: str) -> None:
        self.page.go(link)
        self.page.wait("!document.querySelector('#welcome').hidden && document.activeElement.id === 'name'")
        self.page.type(self.name)
        self.page.press("Enter")
        self.page.wait("!document.querySelector('#screen').hidden")

    @property
    def place(self) -> int:
        """The number of the screen that is shown, from 0."""
        return int(self.page.js("document.querySelector('#where').textContent.match(/\\d+/)[0]")) - 1

    def answer(self) -> None:
        """Answer the screen that is shown, and go on."""
        place = self.place
        pair = self.page.js("document.querySelectorAll('.answer').length") == 2
        for question in ("choice",) if pair else QUESTIONS:
            values = CHOICES if pair else "12345"
            number = self.chance.randrange(len(values))
            self.choose(question, number)
            self.clicked.append((place, question, values[number]))
        if self.keys:
            self.page.press("Enter")
        else:
            self.page.click("#next")
        shown = f"document.querySelector('#where').textContent.startsWith('Screen {place + 1} ')"
        self.page.wait(f"document.querySelector('#screen').hidden || !{shown}")

    def choose(self, question: str, number: int) -> None:
        if self.keys:
            self.page.press(str(number + 1))
        else:
            self.page.click(f"fieldset[name={question}] label:nth-child({number + 1}) input")
        chosen = f"document.querySelectorAll('fieldset[name={question}] input')[{number}].checked"
        assert self.page.wait(chosen)

    def finish(self) -> None:
        while self.page.js("document.querySelector('#end').hidden"):
            self.answer()
        self.page.wait("document.querySelector('#kept').textContent === 'all saved'")


def heard(page: Page) -> tuple[list[str], list[str]]:
    """The addresses that a page asked, and the bodies of the answers that the browser still has."""
    page.js("0")
    asked = [
        event["params"]["request"]["url"] for event in page.events if event["method"] == "Network.requestWillBeSent"
    ]
    bodies = []
    for event in page.events[:]:
        if event["method"] == "Network.loadingFinished":
            try:
                bodies.append(page.call("Network.getResponseBody", requestId=event["params"]["requestId"])["body"])
            except RuntimeError:  # of a page that was left
                continue
    return asked, bodies


def test_three_raters_at_once_lose_no_click(browser, tmp_path):
    run = build_run(tmp_path / "run")
    options = ("--prompts", "2", "--dimensions", ",".join(QUESTIONS))
    server = Server(run, *options)
    people = [
        Person(browser.page(), "mouse", keys=False),
        Person(browser.page(), "keys", keys=True),
        Person(browser.page(width=400, height=800), "phone", keys=False),
    ]
    begun, away, back = (threading.Barrier(4, timeout=PATIENCE * 3) for _ in range(3))

    def rate(person: Person) -> None:
        person.come(server.link)
        for _ in range(BEFORE):
            person.answer()
        begun.wait()
        for _ in range(AWAY):
            person.answer()
        assert person.page.wait("document.querySelector('#kept').textContent.includes('not saved yet')")
        away.wait()
        back.wait()
        if person.name == "mouse":  # with clicks that wait in the browser
            place = person.place
            person.page.call("Page.reload")
            person.page.wait(f"document.querySelector('#where').textContent.startsWith('Screen {place + 1} ')")
        person.finish()

    with ThreadPoolExecutor(3) as pool:
        raters = [pool.submit(rate, person) for person in people]
        begun.wait()
        before = sum(len(person.clicked) for person in people)
        wait_for(lambda: sum(len(person.clicked) for person in people) > before, "a click")
        server.kill()
        away.wait()
        again = Server(run, port=server.port)
        back.wait()
        for rater in raters:
            rater.result(timeout=PATIENCE * 3)
    assert again.link == server.link
    with sqlite3.connect(run.path / "rating" / "ratings.sqlite") as base:
        for person in people:
            rows = base.execute(
                "SELECT screen, question, value FROM clicks JOIN raters USING (rater) WHERE name = ? ORDER BY number",
                [person.name],
            ).fetchall()
            assert rows == person.clicked
            assert len(rows) == 6 * 2 + 6 + 2 + 1
    orders = [Store(run.path / "rating" / "ratings.sqlite").screens(rater) for rater in (1, 2, 3)]
    assert orders[0] != orders[1] != orders[2] != orders[0]
    for person in people:
        asked, bodies = heard(person.page)
        assert all(address.startswith((f"http://127.0.0.1:{server.port}/", "data:")) for address in asked)
        assert any("Answer x to prompt" in body for body in bodies)
        assert not [arm for arm in ARMS for body in bodies if arm in body.lower()]
    said = again.stop()
    assert "rater 3   14 of 14 screens, 21 clicks" in said
    results = json.loads((run.path / "rating" / "results.json").read_text(encoding="utf-8"))
    assert [rater["done"] for rater in results["raters"]] == [14, 14, 14]
    assert (run.path / "rating" / "ratings.csv").exists()
    assert 'id="human-rating"' in (run.path / "report" / "index.html").read_text(encoding="utf-8")


def test_the_page_shows_text_as_text_goes_by_keys_and_fits_a_phone(browser, tmp_path):
    run = build_run(tmp_path / "run")
    server = Server(run, "--prompts", "1", "--arms", ",".join(ARMS[:2]), "--dimensions", ",".join(QUESTIONS))
    page = browser.page(width=400, height=800)
    person = Person(page, "Dora", keys=True)
    person.come(server.link)
    assert "<b>bold</b> <script>" in page.js("document.querySelector('.answer .text').textContent")
    assert page.js("document.title") == "Rating answers"
    assert page.js("document.querySelectorAll('.answer b, .answer script, .answer a').length") == 0
    assert page.js("document.documentElement.scrollWidth <= innerWidth")
    heights = page.js(
        "[...document.querySelectorAll('.scale label, .bar button:not([hidden])')].map((e) => e.offsetHeight)"
    )
    assert min(heights) >= 44
    page.press("Enter")
    assert page.wait("document.querySelector('#missing').textContent") == "2 questions are still open."
    focused = "document.activeElement.closest('fieldset')?.name ?? document.activeElement.id"
    assert page.js(focused) == "coherence"
    page.press("Tab")
    assert page.js(focused) == "relevance"
    page.press("4")
    assert page.js(focused) == "next"
    page.press("7")  # no such button
    page.press("2")  # the first question is still open, and gets it
    assert page.js("[...document.querySelectorAll('input:checked')].map((e) => e.name + e.value)") == [
        "coherence2",
        "relevance4",
    ]
    page.click("summary")
    page.click("#comment")
    page.type("12 <i>well</i>")
    page.press("Tab")
    page.wait("document.querySelector('#kept').textContent === 'all saved'")
    store = Store(run.path / "rating" / "ratings.sqlite")
    assert store.answers(1) == {0: {"relevance": "4", "coherence": "2", "comment": "12 <i>well</i>"}}
    page.call("Page.reload")
    page.wait("document.querySelector('#where').textContent.startsWith('Screen 2 ')")
    page.click("#back")
    page.wait("document.querySelector('#comment').value === '12 <i>well</i>'")
    assert page.js("[...document.querySelectorAll('input:checked')].map((e) => e.name + e.value)") == [
        "coherence2",
        "relevance4",
    ]
    server.kill()

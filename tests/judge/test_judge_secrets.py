"""The key goes into the header and nowhere else, whatever the endpoint does with it."""

import pytest
from judge_runs import asker

from topgraft.errors import UserError
from topgraft.evaluate.judge import endpoint
from topgraft.evaluate.judge.endpoint import address, retry_after

KEY = "sk-secret-0123456789/abc"


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_openais_key_goes_to_openai(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", f" {KEY}\n")
    assert address(None, None).url == "https://api.openai.com/v1"
    assert address(None, None).key == KEY
    monkeypatch.setenv("OPENAI_BASE_URL", "https://mine.example/v1/")
    assert address(None, None).url == "https://mine.example/v1"
    assert address(None, None).key == KEY


def test_another_endpoint_gets_the_key_that_is_named_for_it_or_none(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OTHER_KEY", "other-key")
    assert address("https://other.example/v1", None).key == ""
    assert address("https://other.example/v1", "OTHER_KEY").key == "other-key"
    with pytest.raises(UserError, match="no ABSENT_KEY"):
        address("https://other.example/v1", "ABSENT_KEY")


def test_no_key_for_openai_is_said():
    with pytest.raises(UserError, match="no OPENAI_API_KEY"):
        address(None, None)


@pytest.mark.parametrize(
    "url",
    ["https://me:secret@host/v1", "https://host/v1?key=secret", "https://host/v1#secret", "host/v1", "ftp://host"],
)
def test_addresses_with_secrets_or_without_sense_are_refused(url):
    with pytest.raises(UserError) as raised:
        address(url, None)
    assert "secret" not in str(raised.value)


def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(monkeypatch):
    monkeypatch.setenv("MINE", "sk-secret\nX-Evil: 1")
    with pytest.raises(UserError) as raised:
        address("https://host/v1", "MINE")
    assert "sk-secret" not in str(raised.value)


def test_a_key_in_the_clear_is_worth_a_word(monkeypatch):
    monkeypatch.setenv("MINE", KEY)
    assert "unencrypted" in (address("http://10.0.0.7:8000/v1", "MINE").cautious or "")
    assert address("http://127.0.0.1:8000/v1", "MINE").cautious is None
    assert address("https://host/v1", "MINE").cautious is None


def test_replies_and_errors_that_repeat_the_key_lose_it(serve, run):
    messages = [{"role": "user", "content": "[answer A 1]\nx\n[end of answer A 1]"}]
    server = serve(judge="echo", trouble=["ok", "401", "400", "html"])
    judge = asker(server, run, key=KEY).endpoint
    assert judge.ask(messages).text == "You sent Bearer [key].\nVerdict: A"
    with pytest.raises(UserError) as refused:
        judge.ask(messages)
    assert KEY not in str(refused.value)
    assert "no: Bearer [key]" in str(refused.value)
    with pytest.raises(endpoint.Refused) as question:
        judge.ask(messages)
    assert KEY not in str(question.value)
    assert [entry["asked"]["model"] for entry in server.seen()] == ["tester"] * 3


def test_a_local_endpoint_needs_no_key_and_gets_no_organisation(serve, run, monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    server = serve(judge="echo")
    judge = asker(server, run).endpoint
    assert judge.client.organization is None
    assert judge.ask([{"role": "user", "content": "x"}]).text.startswith("You sent Bearer none.")


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        *[("3", 3), ("0.25", 0.25), ("-1", 0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("soon", None)],
        ("Wed 21 Oct 26666666666666666666666 0:00 GMT", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(given, seconds):
    assert retry_after({"retry-after": given}) == seconds
    assert retry_after({}) is None

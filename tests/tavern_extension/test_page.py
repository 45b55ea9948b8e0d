"""What a page takes from stackctl's words, and when the connection is its user's own affair."""

import pytest

from tests.tavern_extension.run import run


def tavern(script: str) -> None:
    run("played_tavern.js", script)


def test_a_page_that_is_wired_as_stackctl_wired_it_is_ours() -> None:
    tavern("assert.equal(page.isOurs(state), true);")


@pytest.mark.parametrize(
    "does",
    [
        "script.main_api = 'openai'",
        "settings.type = 'koboldcpp'",
        "settings.url = 'http://elsewhere:8080'",
        "power.auto_connect = false",
        "delete state.url",  # an older stackctl wrote nothing
    ],
)
def test_whoever_chose_something_else_is_left_alone(does: str) -> None:
    tavern(f"{does}; assert.equal(page.isOurs(state), false);")


def test_what_a_stackctl_said_that_died_since_no_longer_counts() -> None:
    tavern("""
        answer = () => dated(1000, { ...state, waits: 'loading', until: 1015 });
        assert.deepEqual(await page.readState(), { ...state, waits: 'loading', until: 1015 });
        answer = () => dated(1016, { ...state, waits: 'loading', until: 1015 });
        assert.equal((await page.readState()).waits, '');
    """)


def test_nothing_written_is_told_from_no_answer() -> None:
    tavern("""
        answer = () => new Response('', { status: 404 });
        assert.deepEqual(await page.readState(), { waits: undefined });
        answer = () => { throw new TypeError('Failed to fetch'); };
        assert.equal(await page.readState(), null);
    """)


@pytest.mark.parametrize("status", [400, 500, 503])
def test_a_refusal_is_no_answer_of_the_backend(status: int) -> None:
    tavern(f"""
        script.getRequestHeaders = () => ({{}});
        answer = () => new Response('', {{ status: {status} }});
        assert.equal(await page.ask(), null);
        answer = () => new Response('{{"result": "a"}}');
        assert.deepEqual(await page.ask(), {{ result: 'a', tokenizes: false }});
    """)

"""A page saves no chat that it could not read over the one that is there (SillyTavern#5941)."""

import pytest

from tests.tavern_extension.run import run

NO_MARK = "undefined"  # of a chat that an old SillyTavern wrote, or of a page that got no answer at all


def chats(script: str) -> None:
    run("played_server.js", script)


@pytest.mark.parametrize("state", ["away", "lost", "unreadable"])
@pytest.mark.parametrize(("there", "shown"), [("'a'", "'b'"), ("'a'", NO_MARK), (NO_MARK, "'b'"), (NO_MARK, NO_MARK)])
@pytest.mark.parametrize("which", ["seraphina", "{ id: 'a group' }"])
def test_what_could_not_be_read_is_not_saved_over_what_is_there_again(
    state: str, there: str, shown: str, which: str
) -> None:
    chats(f"""
        const which = {which};
        disk[nameOf(which)] = chatOf({there}, 'Hello', 'A long talk');
        state = '{state}';
        await read(which).catch(() => {{}});
        state = 'here';
        await read(which);  // for a list of chats: the page goes on showing the empty one
        assert.equal((await save(chatOf({shown}, 'Hello'), which)).status, 409);
        assert.equal(warned.length, 1);
    """)


def test_a_chat_that_sillytavern_sees_but_cannot_read_is_not_saved_over() -> None:
    chats("""
        disk['Seraphina.png/yesterday'] = chatOf('a', 'Hello', 'A long talk');
        state = 'unreadable';
        await read();
        assert.equal((await save(chatOf(undefined, 'Hello'))).status, 409);
        state = 'away';
        assert.equal((await save(chatOf(undefined, 'Hello'))).status, 409);
    """)


def test_a_new_chat_is_saved_again_and_again() -> None:
    chats("""
        await read();
        assert.equal((await save(chatOf('a', 'Hello'))).status, 200);
        disk['Seraphina.png/yesterday'] = chatOf('a', 'Hello');
        assert.equal((await save(chatOf('a', 'Hello', 'you'))).status, 200);
        assert.deepEqual(warned, []);
    """)


def test_what_was_read_is_saved_and_so_is_what_the_user_insists_on() -> None:
    chats("""
        disk['Seraphina.png/yesterday'] = chatOf('a', 'Hello', 'A long talk');
        await read();
        state = 'lost';
        assert.equal((await save(chatOf('a', 'Hello', 'A long talk', 'more'))).status, 200);
        state = 'unreadable';
        await read({ avatar_url: 'Other.png', file_name: 'x' });
        assert.equal((await save([], { avatar_url: 'Other.png', file_name: 'x', force: true })).status, 200);
    """)


def test_a_packed_request_is_judged_as_any_other() -> None:
    chats("""
        disk['Seraphina.png/yesterday'] = chatOf('a', 'Hello', 'A long talk');
        state = 'unreadable';
        await read();
        state = 'here';
        const body = gzipSync(JSON.stringify({ ...seraphina, chat: chatOf('b', 'Hello') }));
        const packed = { body, headers: { 'Content-Encoding': 'gzip' } };
        assert.equal((await post('/api/chats/save', {}, packed)).status, 409);
        assert.equal((await post('/api/chats/save', {}, { body: 'no JSON' })).status, 200);
    """)

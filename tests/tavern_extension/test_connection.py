"""A page finds its backend again, and asks for it no more than it has to."""

import pytest

from tests.tavern_extension.run import run


def page(script: str) -> None:
    run("played_page.js", script)


def test_a_page_that_was_opened_before_the_backend_connects_once_it_answers() -> None:
    page("""
        page.backend = null;
        await look(3);
        assert.deepEqual([page.online, page.shown], [null, 'Waiting for the backend']);
        page.backend = 'b';
        await look(10);
        assert.deepEqual([page.online, page.shown], ['b', '']);
    """)


def test_it_asks_ever_more_seldom_and_at_least_every_half_minute() -> None:
    page("""
        page.backend = null;
        await look(2 * 600);
        assert.ok(page.asked < 30, `${page.asked}`);
        page.backend = 'b';
        await look(2 * 31);
        assert.equal(page.online, 'b');
    """)


def test_a_page_that_is_connected_asks_nothing() -> None:
    page("""
        await look();
        page.asked = 0;
        await look(1000);
        assert.equal(page.asked, 0);
    """)


def test_what_stackctl_waits_for_is_shown_and_the_new_model_comes_at_once() -> None:
    page("""
        page.state = { model: 'a' };
        await look();
        page.state = { model: 'a', waits: 'loading the model 43 %' };
        page.backend = null;
        await look();
        assert.deepEqual([page.online, page.shown], [null, 'Waiting for the backend: loading the model 43 %']);
        page.state = { model: 'b' };
        page.backend = 'b';
        await look();
        assert.deepEqual([page.online, page.shown], ['b', '']);
    """)


def test_another_model_is_seen_though_nobody_saw_the_backend_away() -> None:
    page("""
        page.state = { model: 'a' };
        await look();
        page.state = { model: 'b' };
        page.backend = 'b';
        await look();
        assert.equal(page.online, 'b');
    """)


def test_a_page_waits_for_sillytavern_but_not_for_one_answer_that_was_lost() -> None:
    page("""
        await look();
        page.state = null;
        await look();
        assert.equal(page.online, 'a');
        await look();
        assert.deepEqual([page.online, page.shown], [null, 'Waiting for SillyTavern']);
        page.state = {};
        await look();
        assert.equal(page.online, 'a');
    """)


@pytest.mark.parametrize("does", ["page.ours = false", "connection.cancel(true)"])
def test_who_wants_no_connection_or_another_is_left_alone(does: str) -> None:
    page(f"""
        page.backend = null;
        await look(3);
        {does};
        page.backend = 'a';
        page.asked = 0;
        await look(100);
        assert.deepEqual([page.online, page.shown, page.asked], [null, '', 0]);
        page.ours = true;
        connection.cancel(false);
        await look();
        assert.equal(page.online, 'a');
    """)


@pytest.mark.parametrize("does", ["page.busy", "page.generates"])
def test_nothing_changes_while_the_user_is_at_work(does: str) -> None:
    page(f"""
        page.backend = null;
        await look(3);
        {does} = true;
        page.backend = 'a';
        await look(100);
        assert.equal(page.online, null);
        {does} = false;
        await look();
        assert.equal(page.online, 'a');
    """)


def test_a_failed_generation_makes_the_page_look() -> None:
    page("""
        await look();
        page.backend = null;
        connection.doubt();
        await look();
        assert.equal(page.online, null);
    """)


FLOWS = """
    await look();
    page.generates = true;
    connection.begin();
    for (let i = 0; i < 10; i += 1) {
        await look();
        connection.flow();
    }
"""


@pytest.mark.parametrize("sign", ["page.backend = null", "page.state = { waits: 'starting' }"])
def test_an_answer_whose_backend_went_away_ends_when_it_is_there_again(sign: str) -> None:
    page(f"""
        {FLOWS}
        {sign};
        await look(20);
        assert.deepEqual(page.stopped, []);
        page.backend = 'a';
        page.state = {{}};
        await look(10);
        assert.deepEqual(page.stopped, [LOST]);
        await look();
        assert.equal(page.online, 'a');
    """)


@pytest.mark.parametrize("sign", ["page.backend = null", ""])
def test_an_answer_that_fell_silent_ends_in_time_whatever_the_backend_says(sign: str) -> None:
    page(f"""
        {FLOWS}
        {sign};
        await look(2 * 119);
        assert.deepEqual(page.stopped, []);
        await look(2 * 10);
        assert.deepEqual(page.stopped, [LOST]);
    """)


def test_a_slow_answer_is_left_alone() -> None:
    page("""
        await look();
        page.generates = true;
        connection.begin();
        await look(2 * 600);  // a long prompt
        for (let i = 0; i < 20; i += 1) {
            connection.flow();
            await look(2 * 20);
        }
        assert.deepEqual(page.stopped, []);
        assert.ok(page.asked < 300, `${page.asked}`);
    """)


def test_an_answer_that_goes_on_is_no_lost_one() -> None:
    page(f"""
        {FLOWS}
        page.backend = null;  // a moment without an answer, of a backend that has much to do
        await look(3);
        connection.flow();
        page.backend = 'a';
        await look(3);
        assert.deepEqual(page.stopped, []);
    """)


def test_an_answer_of_a_backend_that_was_asleep_is_waited_for_while_it_loads_its_model() -> None:
    page("""
        page.state = { model: 'a', sleeps: true };
        await look();
        page.generates = true;
        connection.begin();
        page.backend = null;
        await look(2 * 300);
        assert.deepEqual([page.stopped, page.shown], [[], LOADS]);
        page.backend = 'a';
        await look(20);
        assert.deepEqual([page.stopped, page.shown], [[], '']);
        page.backend = null;
        await look(20);
        connection.flow();
        assert.equal(page.shown, '');
        page.generates = false;
        await look();
        page.generates = true;
        page.backend = null;
        await look(2 * 601 + 10);
        assert.deepEqual(page.stopped, [LOST]);
    """)


def test_a_request_names_the_model_for_which_alone_a_backend_wakes() -> None:
    page("""
        const wish = { method: 'POST', body: '{"prompt":"Hello"}' };
        page.state = { model: 'a', sleeps: true, wake_model: 'first' };
        await look();
        const named = connection.named(wish);
        assert.deepEqual([named.method, JSON.parse(named.body)], ['POST', { model: 'first', prompt: 'Hello' }]);
        assert.equal(JSON.parse(connection.named({ body: '{"model":"mine"}' }).body).model, 'mine');
        assert.equal(connection.named(undefined), undefined);
        page.ours = false;
        assert.equal(connection.named(wish), wish);
        page.ours = true;
        page.state = { model: 'a', sleeps: true, wake_model: '' };
        await look();
        assert.equal(connection.named(wish), wish);
    """)


def test_an_answer_whose_backend_lost_its_power_ends_soon_after_another_machine_answers() -> None:
    """Not even a refusal comes from a machine that is gone: each question hangs, until the name means another one."""
    page("""
        page.ask = () => { page.asked += 1; return new Promise(() => {}); };
        page.generates = true;
        await look(20);
        assert.deepEqual([page.generates, page.stopped], [true, []]);
        assert.ok(page.asked <= 4, `${page.asked} in 10 s, after which the first is given up`);
        page.ask = async () => ({ result: 'a' });
        await look(10);  // 5 s
        assert.deepEqual([page.generates, page.stopped], [false, [LOST]]);
    """)


def test_an_answer_is_left_alone_if_a_busy_backend_answers_late_and_in_another_order() -> None:
    page("""
        const open = [];
        page.ask = () => new Promise(answer => open.push(answer));
        page.generates = true;
        await look(16);
        assert.ok(open.length > 2);
        open.pop()({ result: 'a' });
        await look(2);
        for (const answer of open.splice(0)) {
            answer({ result: 'a' });
        }
        page.ask = async () => ({ result: 'a' });
        await look(100);
        assert.deepEqual([page.generates, page.stopped], [true, []]);
    """)

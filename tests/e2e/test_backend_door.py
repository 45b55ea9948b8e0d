"""backend.publish on the real engine: open with the key alone, while the backend itself has no way out."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from stackctl.core.model.demo_model import SENTENCE
from tests.e2e.conftest import Stack, free_port
from tests.e2e.lan import Lan, cable, foreign

pytestmark = [pytest.mark.engine, pytest.mark.debian, pytest.mark.machines]
PROMPT = {"prompt": "Hi", "max_tokens": 40}


@pytest.fixture(scope="module")
def lan() -> Iterator[Lan]:
    with cable() as made:
        yield made


def test_the_backend_answers_others_only_where_it_is_published_and_then_with_the_key_alone(
    new_stack: Callable[..., Stack], lan: Lan
) -> None:
    stack = new_stack()
    page, port = free_port(), free_port()
    plain = f"[sillytavern]\nport = {page}\n"
    (stack.folder / "stack.toml").write_text(plain)
    stack.deploy()
    before = stack.inspect("llamacpp")["Id"]
    own = next(iter(stack.inspect("llamacpp")["NetworkSettings"]["Networks"].values()))["IPAddress"]
    url = f"http://{lan.address}:{port}"
    assert foreign(stack, f"{url}/health") == "shut"
    assert foreign(stack, f"http://{own}:8080/health") != "200"  # who answers there, if anybody, is another machine
    for at in (f"{url}/health", f"http://{own}:8080/health"):
        assert lan.ask(at) in {"ConnectError", "ConnectTimeout"}

    (stack.folder / "stack.toml").write_text(f'{plain}[backend]\npublish = "{lan.address}:{port}"\n')
    assert stack.deploy()["reply"] == SENTENCE
    assert stack.inspect("llamacpp")["Id"] == before  # nothing of the backend's own has changed
    key = (stack.folder / ".stackctl/api-key").read_text().strip()
    bearer = f"Authorization: Bearer {key}"
    for spoofed in ((), ("X-Forwarded-For: 127.0.0.1", "Host: localhost"), ("Authorization: Bearer wrong",)):
        assert lan.ask(f"{url}/slots", *spoofed) == "401"
    assert lan.ask(f"{url}/slots", bearer) in {"200", "501"}
    assert foreign(stack, f"{url}/slots") == "401"
    with httpx.Client(trust_env=False, timeout=60) as client:
        refused = client.post(f"{url}/v1/completions", json=PROMPT)
        assert refused.status_code == 401
        client.headers["Authorization"] = f"Bearer {key}"
        assert SENTENCE[:20] in client.post(f"{url}/v1/completions", json=PROMPT).json()["choices"][0]["text"]
        with client.stream("POST", f"{url}/v1/completions", json={**PROMPT, "stream": True}) as answer:
            assert "data: [DONE]" in answer.read().decode()
    assert foreign(stack, f"http://{own}:8080/health") != "200"
    way_out = "timeout 4 bash -c 'exec 3<>/dev/tcp/{}/{}'"
    for address in (lan.address, lan.other):
        done = stack.docker(
            "exec", stack.container("llamacpp"), "sh", "-c", f"{way_out.format(address, port)} || echo shut"
        )
        assert "shut" in done
    stack.run("smoke")
    (stack.folder / "stack.toml").write_text(plain)
    stack.deploy()
    assert lan.ask(f"{url}/health") == "ConnectError"

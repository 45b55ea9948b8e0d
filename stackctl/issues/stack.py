"""The stack's services and what they answer."""

from typing import Final

from stackctl.issues.issue import Issue

ISSUES: Final = (
    Issue(
        id="argument-refused",
        title="the backend refused an argument",
        kind="config",
        meaning="The backend's program ended at its start because it does not know an argument, or not with this "
        "value. Which arguments exist is decided by its version.",
        seen="The program's words in its log.",
        repair="Check `backend.extra_args` and `backend.override_args` in stack.toml, then run `stackctl deploy`.",
        undo="Set the arguments back, and run `stackctl deploy`.",
    ),
    Issue(
        id="backend-failed",
        title="the backend ended or will not become ready",
        kind="not_ready",
        meaning="The backend's container ended, ends again and again, or runs without ever answering, and its log "
        "names no cause that stackctl knows. If a deploy changed it, the stack before runs again.",
        seen="The container's state, its exit code, its health check and its log.",
        repair="`stackctl logs` shows its last words. Undo what was changed last under `[backend]` in stack.toml, "
        "then run `stackctl deploy`. `stackctl restart` tries it once more.",
    ),
    Issue(
        id="backend-without-model",
        title="the backend runs without a model",
        kind="not_ready",
        meaning="The server answers, but has no model loaded, so that no reply can come.",
        seen="It says so when it is asked for its model.",
        repair="Of this stack: `stackctl restart`, and read `stackctl logs`. A backend elsewhere: load a model there, "
        "then run `stackctl deploy`.",
    ),
    Issue(
        id="backend-not-reached",
        title="SillyTavern can't reach its backend",
        kind="not_ready",
        meaning="SillyTavern's server got no connection to the address in its settings: the backend does not run, "
        "still loads its model, or has another address.",
        seen="SillyTavern's log: connection refused, or the name is not found.",
        repair="`stackctl status` shows whether the backend is ready; `stackctl start` starts it. `stackctl smoke` "
        "checks what SillyTavern is connected to. If the page was opened before the backend was ready, reload it.",
    ),
    Issue(
        id="context-exceeded",
        title="a request is longer than the backend's context",
        kind="config",
        meaning="SillyTavern fills more tokens than the backend's context has room for, together with the answer. "
        "Long chats fail, or lose their beginning.",
        seen="The numbers in SillyTavern's settings are compared with the backend's; or a log has the refusal.",
        repair="Lower Context (tokens) or Response (tokens) under AI Response Configuration in SillyTavern. Or raise "
        "`backend.context` in stack.toml, and run `stackctl deploy`.",
        undo="Set `backend.context` back, and run `stackctl deploy`.",
    ),
    Issue(
        id="program-incomplete",
        title="a program lacks a library, a module or another file",
        kind="config",
        meaning="The image, or the program file in `backend.program`, does not contain all that it needs to start.",
        seen="Its own words in its log: a shared library, a module or a file is not found.",
        repair="Use an official image (remove `backend.image` or `backend.program` from stack.toml), or a newer build "
        "of the same; then run `stackctl deploy`.",
        undo="Set the key back, and run `stackctl deploy`.",
    ),
    Issue(
        id="template-refused",
        title="the backend can't use a chat template",
        kind="config",
        meaning="The template that the model's file contains, or that an argument names, can't be read by this "
        "version of the backend.",
        seen="The backend's words in its log.",
        repair="Use a newer build: `stackctl deploy --new-images`. Remove `--chat-template` from `backend.extra_args` "
        "if it is there. SillyTavern writes the turns itself, so a plain template does no harm: `extra_args = "
        '["--chat-template", "chatml"]`.',
        undo="Remove the argument, and run `stackctl deploy`.",
    ),
    Issue(
        id="backend-bug",
        title="the backend's program failed by a bug",
        kind="not_ready",
        meaning="The program stopped by an assertion, or ended in a way that only its own fault explains, with these "
        "settings and this version.",
        seen="Its words in its log.",
        repair="Undo what was changed last under `[backend]` in stack.toml, or take another build (`backend.build`, "
        "`backend.image`); then run `stackctl deploy`. Report it to the program's project, with the lines of the log.",
        undo="Set the key back, and run `stackctl deploy`.",
    ),
    Issue(
        id="service-killed",
        title="a service was killed",
        kind="not_ready",
        meaning="The program got signal 9 from outside: `docker kill`, `kill -9`, or the kernel when the whole "
        "machine ran out of memory.",
        seen="Its exit code is 137, and the engine knows of no lack of memory in the container.",
        repair='`sudo dmesg | grep -i -e oom -e "killed process"` shows whether the kernel did it; then lower the '
        "model's memory. Else `stackctl start` starts it again.",
    ),
    Issue(
        id="memory-limit-reached",
        title="a service was killed at its memory limit",
        kind="does_not_fit",
        meaning="The container used more memory than its limit, or the machine ran out, and the kernel ended it.",
        seen="The engine reports it (OOMKilled).",
        repair='Raise `limits.backend_memory` in stack.toml, or leave it `"auto"`; or lower `backend.context`, or use '
        "a smaller quantisation. Then run `stackctl deploy`.",
        undo="Set the key back, and run `stackctl deploy`.",
    ),
    Issue(
        id="backend-elsewhere-unreachable",
        title="the backend elsewhere does not answer",
        kind="not_ready",
        meaning="The stack uses a server that runs elsewhere (`backend.url`), and no container can reach it: it is "
        "off or asleep, listens only on its own machine, or a firewall is between.",
        seen="A container of the stack asks it; the message shows what each way gave.",
        repair="Start it, and let it listen on all addresses (`--listen`, `--host 0.0.0.0`). Open its port in that "
        "machine's firewall, such as `sudo ufw allow PORT/tcp`. Correct the address: `stackctl deploy --url "
        "http://HOST:PORT`. `backend.wake` in stack.toml wakes it up.",
        undo="`sudo ufw delete allow PORT/tcp`.",
    ),
    Issue(
        id="backend-elsewhere-unknown",
        title="the server elsewhere is of no kind that stackctl knows",
        kind="not_ready",
        meaning="Something answers at `backend.url`, but not as KoboldCpp, text-generation-webui or llama.cpp do; or "
        "it was never asked.",
        seen="It is asked in the ways of the three programs.",
        repair="Check that the API is on (text-generation-webui needs `--api`) and that the address is the API's and "
        "not a page's. Then run `stackctl deploy`, which asks it and records the answer.",
    ),
    Issue(
        id="api-key-refused",
        title="the backend refuses the API key",
        kind="config",
        meaning="The server wants an API key, and stackctl sent none or another one.",
        seen="It answers 401 or 403.",
        repair="Write the key that it was started with into a file, `chmod 600 FILE`, and set `backend.key_file = "
        '"FILE"` in stack.toml. Then run `stackctl deploy`.',
        undo="Remove `backend.key_file`, and run `stackctl deploy`.",
    ),
    Issue(
        id="time-limit-reached",
        title="the stack needs longer than the time limit",
        kind="timeout",
        meaning="The services still start, or checks still run, and nothing failed. A large model on a slow disk "
        "takes minutes.",
        seen="The time that was given is over; the message names what is still waited for.",
        repair="`stackctl deploy --timeout 1800`, or `stackctl smoke --timeout 1800` for checks. `stackctl status "
        "--watch` shows how far it is.",
    ),
    Issue(
        id="sillytavern-settings-refused",
        title="SillyTavern refuses its settings",
        kind="config",
        meaning="SillyTavern ended because of its config.yaml: it can't be read, or it would listen with neither a "
        "whitelist nor a password.",
        seen="SillyTavern's words in its log; or stackctl looked for the place of the password and did not find it.",
        repair="Undo your change in config.yaml (in SillyTavern's config folder) or in compose.override.yml, then run "
        "`stackctl deploy`. If config.yaml is moved away, the next deploy makes a new one.",
        undo="Move config.yaml back.",
        sources=("https://docs.sillytavern.app/administration/config-yaml/",),
    ),
    Issue(
        id="sillytavern-failed",
        title="SillyTavern ended or will not become ready",
        kind="not_ready",
        meaning="SillyTavern's container ended, does not answer, or answers with an error.",
        seen="The container's state and log, and its answers to stackctl's requests.",
        repair="`stackctl logs sillytavern` shows why; then `stackctl restart sillytavern`. If its settings.json is "
        "damaged, the hint says how to let SillyTavern make a new one.",
    ),
    Issue(
        id="not-sillytavern",
        title="something else answers in SillyTavern's place",
        kind="not_ready",
        meaning="Another program has the port, a proxy answers in between, or the image of SillyTavern is not whole.",
        seen="Its page and its files are asked for, and what comes is something else.",
        repair="`docker ps` and `sudo ss -ltnp` show who has the port: `stackctl deploy --port 8010` takes another "
        "one. Check `sillytavern.image` in stack.toml.",
        undo="`stackctl deploy --port 8000`.",
    ),
    Issue(
        id="sillytavern-connection",
        title="SillyTavern is set to another server or key than the stack's backend",
        kind="not_ready",
        meaning="The connection in SillyTavern was changed: another API, another address, or another key. Its page "
        "does not talk to the stack's backend.",
        seen="Its settings are read, and its own requests are tried.",
        repair="In SillyTavern, under API Connections, choose Text Completion, the type and the address that the hint "
        "names, and the key called `stackctl`. `stackctl smoke` shows whether it is right.",
        undo="Choose your own connection again: stackctl does not change it back unasked.",
    ),
    Issue(
        id="page-unreachable",
        title="SillyTavern can't be reached where it was published",
        kind="not_ready",
        meaning="A way in that was deployed does not answer, although the services run.",
        seen="`stackctl smoke` tries each address, and SillyTavern's own network.",
        repair="`docker ps` shows the published ports; `stackctl doctor` looks at firewall and forwarding. `stackctl "
        "restart` publishes them again.",
    ),
    Issue(
        id="page-refuses",
        title="SillyTavern's page refuses this visitor",
        kind="not_ready",
        meaning="It answers 401 (another password than this stack's) or 403 (an address that is not in its whitelist).",
        seen="The status of its answer.",
        repair="`stackctl deploy` writes the stack's password and whitelist again. Remove changes to them in "
        "compose.override.yml, config.yaml or whitelist.txt. Your own password belongs into "
        "`.stackctl/sillytavern-password`.",
        undo="`stackctl deploy` always restores the stack's own settings.",
    ),
    Issue(
        id="no-reply",
        title="no reply came through SillyTavern",
        kind="not_ready",
        meaning="The backend refused, failed or ended while it generated, or the answer is empty.",
        seen="After a start stackctl sends one short message through SillyTavern; `stackctl smoke` does it again.",
        repair="`stackctl logs` shows why: often too little memory (lower `backend.context`), a wrong key, or a "
        "prompt template that does not suit the model: `stackctl deploy --template NAME`.",
        undo="`stackctl deploy --template auto`.",
    ),
    Issue(
        id="reply-damaged",
        title="a reply arrives changed",
        kind="not_ready",
        meaning="What arrives is not what a backend sends: damaged characters, a stream that is no stream, or another "
        "text than the demo model's.",
        seen="The pieces of a reply are checked, and compared with what the backend itself answers.",
        repair="Something between SillyTavern and the backend changes the text, mostly a proxy: switch off its "
        "buffering, or connect without it. `stackctl deploy --model demo` tells whether the model is the cause.",
        undo="`stackctl use NAME`, or `stackctl deploy --model MODEL`, goes back to your model.",
    ),
    Issue(
        id="services-stopped",
        title="services of the stack do not run",
        kind="not_ready",
        meaning="A container of the stack was stopped or is missing. Chats and settings are there.",
        seen="The state of the containers.",
        repair="`stackctl start` starts what was stopped, and makes what is missing. `stackctl status` shows why a "
        "service ended.",
        undo="`stackctl stop`.",
    ),
    Issue(
        id="not-ready",
        title="a service of the stack is not ready",
        kind="not_ready",
        meaning="A service did not become ready, and no other page explains it.",
        seen="Its state, its health check and its log.",
        repair="`stackctl status` names what each service waits for, `stackctl logs` shows what they wrote. Then "
        "`stackctl restart`.",
    ),
    Issue(
        id="rollback-failed",
        title="going back to what ran before failed, too",
        kind="not_ready",
        meaning="A deploy failed, and the stack before it could not be started again either. Chats and settings are "
        "there.",
        seen="The state of each service stands in the message.",
        repair="Remove the cause that the hint names, then run `stackctl start`, which goes back to what ran before, "
        "or `stackctl deploy`.",
    ),
    Issue(
        id="deploy-unfinished",
        title="a deploy was ended before its stack was ready",
        kind="not_ready",
        meaning="A deploy runs now, or was interrupted by Ctrl-C, a reboot or a crash. What ran before is still known.",
        seen="The folder has a record of a deploy that has not come to its end.",
        repair="If none runs: `stackctl start` goes back to what ran before, `stackctl deploy` goes forward.",
    ),
)

"""The stack's settings and services."""

from typing import Final

from stackctl.issues.issue import Issue

ISSUES: Final = (
    Issue(id="settings-wrong", title="a file or an option of the stack is wrong", kind="config"),
    Issue(id="own-file-damaged", title="a file that stackctl keeps is damaged", kind="config"),
    Issue(id="exposure-refused", title="a setting would open the stack further than is allowed", kind="config"),
    Issue(id="key-file-readable", title="a file with a key may be read by others", kind="config"),
    Issue(id="stack-missing", title="there is no stack in this folder", kind="config"),
    Issue(id="name-taken", title="another stack has this name", kind="config"),
    Issue(id="stack-renamed", title="this folder runs under another name", kind="config"),
    Issue(id="folder-moved", title="the folder was moved since its stack was deployed", kind="config"),
    Issue(id="lock-differs", title="the deploy differs from stack.lock", kind="config"),
    Issue(id="proxy-missing", title="the proxy of sillytavern.proxy or its network is missing", kind="config"),
    Issue(id="nothing-to-adopt", title="no SillyTavern was found to adopt", kind="config"),
    Issue(
        id="sillytavern-still-writes", title="another SillyTavern still writes into the folder to adopt", kind="config"
    ),
    Issue(id="sillytavern-data-newer", title="the data comes from a newer SillyTavern", kind="config"),
    Issue(id="newer-stackctl", title="a newer stackctl wrote a file of this folder", kind="config"),
    Issue(id="argument-refused", title="the backend refused an argument", kind="config"),
    Issue(id="backend-failed", title="the backend ended or will not become ready", kind="not_ready"),
    Issue(id="backend-without-model", title="the backend runs without a model", kind="not_ready"),
    Issue(id="backend-bug", title="the backend's program failed by a bug", kind="not_ready"),
    Issue(id="service-killed", title="a service was killed", kind="not_ready"),
    Issue(id="memory-limit-reached", title="a service was killed at its memory limit", kind="does_not_fit"),
    Issue(id="backend-elsewhere-unreachable", title="the backend elsewhere does not answer", kind="not_ready"),
    Issue(
        id="backend-elsewhere-unknown", title="the server elsewhere is of no kind that stackctl knows", kind="not_ready"
    ),
    Issue(id="api-key-refused", title="the backend refuses the API key", kind="config"),
    Issue(id="time-limit-reached", title="the stack needs longer than the time limit", kind="timeout"),
    Issue(id="sillytavern-settings-refused", title="SillyTavern refuses its settings", kind="config"),
    Issue(id="sillytavern-failed", title="SillyTavern ended or will not become ready", kind="not_ready"),
    Issue(id="not-sillytavern", title="something else answers in SillyTavern's place", kind="not_ready"),
    Issue(
        id="sillytavern-connection",
        title="SillyTavern is set to another server or key than the stack's backend",
        kind="not_ready",
    ),
    Issue(id="page-unreachable", title="SillyTavern can't be reached where it was published", kind="not_ready"),
    Issue(id="page-refuses", title="SillyTavern's page refuses this visitor", kind="not_ready"),
    Issue(id="backend-not-reached", title="SillyTavern can't reach its backend", kind="not_ready"),
    Issue(id="context-exceeded", title="a request is longer than the backend's context", kind="config"),
    Issue(id="program-incomplete", title="a program lacks a library, a module or another file", kind="config"),
    Issue(id="template-refused", title="the backend can't use a chat template", kind="config"),
    Issue(id="no-reply", title="no reply came through SillyTavern", kind="not_ready"),
    Issue(id="reply-damaged", title="a reply arrives changed", kind="not_ready"),
    Issue(id="services-stopped", title="services of the stack do not run", kind="not_ready"),
    Issue(id="not-ready", title="a service of the stack is not ready", kind="not_ready"),
    Issue(id="rollback-failed", title="going back to what ran before failed, too", kind="not_ready"),
    Issue(id="deploy-unfinished", title="a deploy was ended before its stack was ready", kind="not_ready"),
    Issue(id="gpu-layers-in-ram", title="layers of the model are computed by the processor", kind="does_not_fit"),
    Issue(id="backup-old", title="the newest backup is old", kind="data"),
)

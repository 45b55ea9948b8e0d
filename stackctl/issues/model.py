"""Models and programs that are downloaded."""

from typing import Final

from stackctl.issues.issue import Issue

ISSUES: Final = (
    Issue(
        id="model-not-named",
        title="it is not said which model is meant",
        kind="config",
        meaning="No model is named, or the name fits several: a repository with many quantisations, a folder with "
        "many files, a stack.toml with several sections.",
        seen="stack.toml, the options, and what lies at the place that is named.",
        repair="Name one: `stackctl deploy --model /path/to/MODEL.gguf`, `stackctl deploy --model "
        "hf:OWNER/NAME:Q4_K_M`, or `stackctl use NAME` for one of stack.toml. `stackctl models recommend` shows what "
        "suits this machine; `stackctl deploy --yes` takes the one that is proposed.",
        undo="`stackctl use NAME` goes back to another model.",
    ),
    Issue(
        id="model-name-wrong",
        title="a name or an address is that of no model",
        kind="config",
        meaning="What was given is no file, no model of the hub and no address of a file: a typing error, a page "
        "about the model, or another site's way to name models.",
        seen="The form of the name; or the hub answers that it has no such model, revision or file.",
        repair="Copy the name from the model's page: `hf:OWNER/NAME:Q4_K_M`, or the address of the file itself, with "
        "`/resolve/` in it. `stackctl models search WORDS` finds models.",
    ),
    Issue(
        id="model-missing",
        title="the model is not there",
        kind="model",
        meaning="No model lies at the path, in the folder or in the cache that was named; or it has not been "
        "downloaded yet.",
        seen="The file system; a folder is searched for files of models.",
        repair="A path in stack.toml counts from the stack's folder. Mount the disk that the model is on, or correct "
        "`model.path`; `stackctl models list` shows the models that stackctl downloaded. `stackctl deploy` downloads "
        "one that is named by `hf:OWNER/NAME`.",
    ),
    Issue(
        id="model-damaged",
        title="the model file is damaged or cut short",
        kind="model",
        meaning="The file ends before its contents do, or its header is impossible: mostly a download that was "
        "interrupted or still runs.",
        seen="stackctl reads the header before a deploy and compares the sizes; the backend's log says the same of "
        "what the header does not show.",
        repair="Wait for a download that still runs. Else download the file again, and compare its checksum with the "
        "one on its page: `sha256sum FILE`. Of models that stackctl downloaded: `stackctl models verify`.",
    ),
    Issue(
        id="model-parts-wrong",
        title="the parts of a model were renamed, joined or are missing",
        kind="model",
        meaning="A large model comes in parts (`-00001-of-00003.gguf`), which the backend finds by their names. Parts "
        "that were renamed, joined by cat, or are missing can't be loaded.",
        seen="The names and headers of the files.",
        repair="Put all parts into one folder under their original names, and name the first: `stackctl deploy "
        "--model /path/to/NAME-00001-of-00003.gguf`. Pieces of a cut file (`.part1of2`) must be joined instead; the "
        "hint says so.",
    ),
    Issue(
        id="model-too-new",
        title="the backend's program is older than the model",
        kind="model",
        meaning="The model has an architecture or a kind of quantisation that this build of the backend does not know "
        "yet.",
        seen="Known builds are compared with the model's header before a deploy; else the backend's log says so.",
        repair="Take a newer build: `backend.build` or `backend.image` in stack.toml, or `stackctl deploy "
        "--new-images`. `stackctl models can-load MODEL` shows which builds load it. Or choose another model: "
        "`stackctl models recommend`.",
        undo="Set the key back, and run `stackctl deploy`.",
    ),
    Issue(
        id="model-format-unsupported",
        title="the backend can't load models of this format",
        kind="model",
        meaning="The file is a model, but not in a form that the backend loads: from before GGUF, big-endian, a "
        "PyTorch pickle (which could run any code), or packed in another way.",
        seen="The first bytes and the header of the file.",
        repair="Get the same model as a GGUF file; most models have one under Quantizations on their page. Folders of "
        "safetensors need text-generation-webui: `stackctl deploy --backend textgen`.",
        undo="`stackctl deploy --backend llamacpp`.",
    ),
    Issue(
        id="model-no-chat",
        title="the file is no model to chat with",
        kind="model",
        meaning="It belongs to models (a vision projector, a LoRA adapter, a draft model), or computes something "
        "else, such as embeddings or pictures.",
        seen="The file's name and header.",
        repair="Name the chat model itself, which mostly lies beside it. `stackctl models inspect FILE` shows what a "
        "file is.",
    ),
    Issue(
        id="model-unusable",
        title="a model can't be used",
        kind="model",
        meaning="Something about a model is wrong that no other page explains; the message says what. Nothing that "
        "runs was changed.",
        seen="What the file, the hub or the backend's log shows.",
        repair="Do what the hint says. `stackctl models inspect FILE` shows what is known of a file, `stackctl models "
        "recommend` which other models suit this machine.",
    ),
    Issue(
        id="model-not-mapped",
        title="the model's file system can't map files into memory",
        kind="config",
        meaning="The backend maps the model into memory, and this file system (many network shares) does not support "
        "it.",
        seen="The backend's log: the mapping failed.",
        repair="Copy the model to a disk of this machine. Or read it whole instead, which takes longer: `extra_args = "
        '["--no-mmap"]` under `[backend]` in stack.toml, then `stackctl deploy`.',
        undo="Remove the argument, and run `stackctl deploy`.",
    ),
    Issue(
        id="download-failed",
        title="a download failed",
        kind="model",
        meaning="A file could not be fetched: no connection, an answer that is not the file, a redirection that is "
        "not followed. What arrived is kept where it can be continued; the message says so.",
        seen="The server's answer, or the connection's error, after several tries.",
        repair="Run the command again: it continues where it stopped if the server allows that. Check the address, "
        "and `HTTPS_PROXY` behind a proxy. Or download the file by hand, and name it: `stackctl deploy --model "
        "/path/to/MODEL.gguf`.",
    ),
    Issue(
        id="download-refused",
        title="the hub refuses a download",
        kind="model",
        meaning="The model is gated, so that its owner wants a licence accepted first; or it is private; or the token "
        "is wrong.",
        seen="The hub answers 401 or 403, or says that the model is gated.",
        repair="Accept the licence on the model's page, make a token at https://huggingface.co/settings/tokens, and "
        "log in with it: `hf auth login`, or `export HF_TOKEN=...`. Then run the command again.",
        undo="`hf auth logout`; a token is revoked on the page where it was made.",
        sources=("https://huggingface.co/docs/hub/models-gated",),
    ),
    Issue(
        id="download-damaged",
        title="a download is not the file that is expected",
        kind="model",
        meaning="The size or the SHA-256 of what arrived is not what its source promised, or there is nothing to "
        "compare it with. A wrong file was deleted and is not used.",
        seen="The digest is computed while the file arrives.",
        repair="Run the command again: it starts from the beginning. If it fails again, the file at that address was "
        "changed, or something on the way changes it; get it elsewhere and name the file. A program whose digest is "
        "unknown is accepted by `stackctl deploy --trust-first-download`.",
    ),
    Issue(
        id="download-rate-limited",
        title="a server takes no more requests for a while",
        kind="model",
        meaning="The hub, or another server, limits how many requests come from one address or account.",
        seen="It answers with the status 429, often with how long to wait.",
        repair="Wait as long as the message says, then run the command again. A login allows more requests: `hf auth "
        "login`.",
        sources=("https://huggingface.co/docs/hub/rate-limits",),
    ),
    Issue(
        id="catalogue-refused",
        title="a catalogue of models is refused",
        kind="model",
        meaning="The list of models that was given, or stored, is damaged, was changed, is older than the one in use, "
        "or is not signed by the key that is known. The one in use stays.",
        seen="Its signature, date and contents are checked.",
        repair="Run `stackctl models update` again, or use a catalogue that was made for this version of stackctl.",
    ),
    Issue(
        id="program-unusable",
        title="a backend's program file can't be used",
        kind="model",
        meaning="The file that `backend.program` names, or that was downloaded for it, is not there, is no program "
        "for this processor, or is not executable.",
        seen="Its first bytes, its mode and its owner.",
        repair="Give the path of the program file itself, and make it executable: `chmod +x FILE`. Without the key "
        "`backend.program`, stackctl takes a program that it knows.",
        undo="Set `backend.program` back, and run `stackctl deploy`.",
    ),
    Issue(
        id="memory-too-small",
        title="the model needs more memory than is free",
        kind="does_not_fit",
        meaning="Weights, KV cache and the program together do not fit into the free memory of the GPUs and of the "
        "machine. Nothing was fetched or started. After a start, the backend itself may say so.",
        seen="The sum is computed from the model's header before anything is done; `stackctl models fit MODEL` shows "
        "it.",
        repair="Take one of the changes that the hint names: less context, fewer layers on the GPU, `kv_cache = "
        '"q8_0"`, a smaller quantisation. `stackctl models recommend` shows models that fit. After closing other '
        "programs, `stackctl deploy --replan` decides again; `--force` starts it all the same.",
        undo="Set the keys back, and run `stackctl deploy --replan`.",
    ),
)

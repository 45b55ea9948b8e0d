"""Models and programs that are downloaded."""

from typing import Final

from stackctl.issues.issue import Issue

ISSUES: Final = (
    Issue(id="model-not-named", title="no model is named", kind="config"),
    Issue(id="model-name-wrong", title="a name or an address is that of no model", kind="config"),
    Issue(id="model-missing", title="the model is not there", kind="model"),
    Issue(id="model-damaged", title="the model file is damaged or cut short", kind="model"),
    Issue(id="model-parts-wrong", title="the parts of a model were renamed, joined or are missing", kind="model"),
    Issue(id="model-too-new", title="the backend's program is older than the model", kind="model"),
    Issue(id="model-format-unsupported", title="the backend can't load models of this format", kind="model"),
    Issue(id="model-no-chat", title="the file is no model to chat with", kind="model"),
    Issue(id="model-unusable", title="a model can't be used", kind="model"),
    Issue(id="model-not-mapped", title="the model's file system can't map files into memory", kind="config"),
    Issue(id="download-failed", title="a download failed", kind="model"),
    Issue(id="download-refused", title="the hub refuses a download", kind="model"),
    Issue(id="download-damaged", title="a download is not the file that is expected", kind="model"),
    Issue(id="download-rate-limited", title="a server takes no more requests for a while", kind="model"),
    Issue(id="catalogue-refused", title="a catalogue of models is refused", kind="model"),
    Issue(id="program-unusable", title="a backend's program file can't be used", kind="model"),
    Issue(id="memory-too-small", title="the machine has too little memory for the model", kind="does_not_fit"),
)

// SillyTavern's own modules as far as page.js asks them, and a server that answers for state.json.
import assert from 'node:assert/strict';
import { Page } from 'EXTENSION/page.js';

const settings = { type: 'llamacpp', url: 'http://llamacpp:8080/' };
const power = { auto_connect: true };
const script = { main_api: 'textgenerationwebui' };
const state = { type: 'llamacpp', url: 'http://llamacpp:8080' };
let answer = () => new Response('{}');
globalThis.document = { querySelector: () => ({ getAttribute: () => '' }) };
const page = new Page(async (...asked) => answer(...asked), 'http://tavern/state.json', {
    script, models: {}, bias: {}, toastr: null,
    text: { textgenerationwebui_settings: settings, getTextGenServer: () => settings.url },
    power: { power_user: power },
});
const dated = (date, value) => new Response(JSON.stringify(value), { headers: { Date: new Date(date * 1000).toUTCString() } });

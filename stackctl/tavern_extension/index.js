// stackctl's part of SillyTavern's page: an open page does not undo a change of settings (settings.js) or overwrite a
// chat that it could not read (chats.js), and it finds its backend again (connection.js).

import { Chats } from './chats.js';
import { Connection } from './connection.js';
import { Page } from './page.js';
import { Settings } from './settings.js';

const GENERATE = '/api/backends/text-completions/generate';
const IDLE_MS = 3000;
const WAITING_MS = 1000;
const GENERATING_MS = 400;
const unwrapped = window.fetch.bind(window);
let connection = null;  // null in a SillyTavern whose page we do not know

const warn = (text, title) => window.toastr?.warning(text, title, {
    timeOut: 0, extendedTimeOut: 0, preventDuplicates: true, onclick: () => location.reload(),
});
const settings = new Settings(async () => {
    try {
        const answer = await unwrapped(new URL('stamp.json', import.meta.url), { cache: 'no-store' });
        return answer.ok ? (await answer.json()).stamp : null;
    } catch {
        return null;
    }
}, warn);
const chats = new Chats(warn);

// SillyTavern answers with JSON if a stream could not begin, which the page shows as an empty answer.
async function noteFailure(answer, options) {
    const said = await answer.clone().json().catch(() => ({}));
    if (!answer.ok || said.error) {
        connection?.doubt();
    }
    if (answer.ok && said.error && /"stream":true/.test(options?.body)) {
        window.toastr?.error(String(said.response ?? ''), 'The backend did not answer');
    }
}

const guarded = settings.guard(chats.guard(async (resource, options, path) => {
    const wish = path === GENERATE ? connection?.named(options) ?? options : options;
    const answer = await unwrapped(resource, wish);
    if (path === GENERATE && !/event-stream/.test(answer.headers.get('Content-Type'))) {
        noteFailure(answer, options);
    }
    return answer;
}));
window.fetch = function (resource, options) {
    const address = new URL(resource instanceof Request ? resource.url : String(resource), location.href);
    return guarded(resource, options, address.pathname);
};

async function connect() {
    const [script, text, power, models, bias] = await Promise.all([
        import('../../../../script.js'),
        import('../../../textgen-settings.js'),
        import('../../../power-user.js'),
        import('../../../textgen-models.js'),
        import('../../../logit-bias.js'),
    ]);
    const { eventSource, event_types: events } = script;
    await new Promise(ready => eventSource.once(events.APP_READY, ready));
    const parts = { script, text, power, models, bias, toastr: window.toastr };
    const page = new Page(unwrapped, new URL('state.json', import.meta.url), parts);
    connection = new Connection(page, () => performance.now() / 1000);
    eventSource.on(events.GENERATION_STARTED, () => connection.begin());
    eventSource.on(events.STREAM_TOKEN_RECEIVED, () => connection.flow());
    document.addEventListener('click', ({ target }) => {
        if (target.closest?.('.api_loading, .api_button')) {
            connection.cancel(target.closest('.api_loading') !== null);
        }
    }, true);
    for (;;) {
        const model = connection.state?.model;
        await connection.look().catch(error => console.warn('stackctl: a look at the backend failed', error));
        if (model !== connection.state?.model) {
            await settings.areStale();
        }
        const pause = page.isGenerating() ? GENERATING_MS : page.isOnline() ? IDLE_MS : WAITING_MS;
        await new Promise(over => setTimeout(over, pause));
    }
}

connect().catch(error => console.warn('stackctl: this page will not reconnect by itself', error));

// A page of SillyTavern saves all its settings at each change. One that was open while stackctl wired SillyTavern to
// another model would save the old wiring over the new one. So, once stackctl has written settings, this page's own
// are no longer saved until it is reloaded; chats are saved by other requests and go on.
const stampFile = new URL('stamp.json', import.meta.url);
const unwrapped = window.fetch;

async function readStamp() {
    try {
        const answer = await unwrapped(stampFile, { cache: 'no-store' });
        return answer.ok ? (await answer.json()).stamp : null;
    } catch {
        return null;  // the server is away: then the save fails by itself, and the page says so
    }
}

const atLoad = readStamp();
let isTold = false;

function tellOnce() {
    if (isTold) {
        return;
    }
    isTold = true;
    const text = 'stackctl has changed the model or the connection. Click here to reload this page; '
        + 'until then its settings are not saved. Chats are.';
    window.toastr?.warning(text, 'Reload needed', { timeOut: 0, extendedTimeOut: 0, onclick: () => location.reload() });
}

window.fetch = async function (resource, options) {
    const address = new URL(resource instanceof Request ? resource.url : String(resource), location.href);
    if (address.pathname === '/api/settings/save') {
        const [before, now] = await Promise.all([atLoad, readStamp()]);
        if (before && now && before !== now) {
            tellOnce();
            return new Response('{"result":"ok"}', { headers: { 'Content-Type': 'application/json' } });
        }
    }
    return unwrapped.call(this, resource, options);
};

// A page of SillyTavern saves all its settings at each change. One that was open while stackctl wired SillyTavern to
// another model would save the old wiring over the new one. So, once stackctl has written settings, this page's own
// are no longer saved until it is reloaded; chats are saved by other requests and go on.

const RELOAD = 'stackctl has changed the model or the connection. Click here to reload this page; '
    + 'until then its settings are not saved. Chats are.';

// readStamp: the stamp of the settings that stackctl wrote last, null where the server is away; warn: shows a text.
export class Settings {
    constructor(readStamp, warn) {
        this.readStamp = readStamp;
        this.warn = warn;
        this.atLoad = readStamp();
        this.isTold = false;
    }

    // Whether stackctl has written settings since this page was loaded; the first time, the page says so.
    async areStale() {
        const [before, now] = await Promise.all([this.atLoad, this.readStamp()]);
        if (!before || !now || before === now) {
            return false;  // without a server the save fails by itself, and the page says so
        }
        if (!this.isTold) {
            this.isTold = true;
            this.warn(RELOAD, 'Reload needed');
        }
        return true;
    }

    // A fetch that lets no stale settings through.
    guard(fetch) {
        return async (resource, options, path) => path === '/api/settings/save' && await this.areStale()
            ? new Response('{"result":"ok"}', { headers: { 'Content-Type': 'application/json' } })
            : fetch(resource, options, path);
    }
}

// A page of SillyTavern saves all its settings at each change. One that was open while stackctl connected SillyTavern
// to another model would overwrite the new connection with the old one. So, after stackctl has written settings, this
// page's settings are not saved until it is reloaded. Chats are saved by other requests, which continue.

const RELOAD = 'stackctl has changed the model or the connection. Click here to reload this page; '
    + 'until then its settings are not saved. Chats are.';

// readStamp: returns the stamp of the settings that stackctl wrote last, null if the server is away.
// warn: shows a text.
export class Settings {
    constructor(readStamp, warn) {
        this.readStamp = readStamp;
        this.warn = warn;
        this.atLoad = readStamp();
        this.isTold = false;
    }

    // Whether stackctl has written settings since this page was loaded; the first time, show a warning.
    async areStale() {
        const [before, now] = await Promise.all([this.atLoad, this.readStamp()]);
        if (!before || !now || before === now) {
            return false;  // without a server the save fails anyway, and the page shows that
        }
        if (!this.isTold) {
            this.isTold = true;
            this.warn(RELOAD, 'Reload needed');
        }
        return true;
    }

    // Returns a fetch that does not save outdated settings.
    guard(fetch) {
        return async (resource, options, path) => path === '/api/settings/save' && await this.areStale()
            ? new Response('{"result":"ok"}', { headers: { 'Content-Type': 'application/json' } })
            : fetch(resource, options, path);
    }
}

// If SillyTavern 1.19.0 cannot read a chat, it answers 200 with nothing, or not at all while it is stopped. Its page
// then shows a new chat under the same name, and saves that over the complete one, once that can be reached again
// (https://github.com/SillyTavern/SillyTavern/issues/5941). SillyTavern itself refuses this only if both have an
// integrity mark. So a chat that this page could not read is saved only if nothing would be lost.

const READS = new Set(['/api/chats/get', '/api/chats/group/get']);
const SAVES = { '/api/chats/save': '/api/chats/get', '/api/chats/group/save': '/api/chats/group/get' };
const HELD = 'This page could not read this chat and would overwrite it with an empty one. Click here to reload.';

const nameOf = wish => wish.id === undefined ? `${wish.avatar_url}/${wish.file_name}` : `group ${wish.id}`;
const markOf = chat => chat?.[0]?.chat_metadata?.integrity;

// The JSON that a request sends, {} for none; SillyTavern's page compresses a large one.
async function sent({ body, headers }) {
    try {
        const isPacked = new Headers(headers).get('Content-Encoding') === 'gzip';
        const packed = new Response(body).body;
        return await new Response(isPacked ? packed.pipeThrough(new DecompressionStream('gzip')) : packed).json();
    } catch {
        return {};
    }
}

// warn: shows a text.
export class Chats {
    constructor(warn) {
        this.warn = warn;
        this.unread = new Set();
    }

    // Returns a fetch that notes which chats could not be read, and stops requests that would overwrite one of them.
    guard(fetch) {
        return async (resource, options, path) => {
            if (READS.has(path)) {
                return this.read(fetch, resource, options, path);
            }
            if (path in SAVES && this.unread.size) {
                const request = resource instanceof Request ? resource.clone() : options;
                const wish = await sent(request);
                const isUnread = this.unread.has(nameOf(wish)) && !wish.force;
                if (isUnread && !await this.mayBeSaved(fetch, wish, request, path)) {
                    this.warn(HELD, 'Chat not saved');
                    return new Response('{"error":"stopped by stackctl"}', { status: 409 });
                }
            }
            return fetch(resource, options, path);
        };
    }

    async read(fetch, resource, options, path) {
        const name = nameOf(await sent(resource instanceof Request ? resource.clone() : options));
        const fails = () => this.unread.add(name);  // for good: a later answer may differ from what the page shows
        try {
            const answer = await fetch(resource, options, path);
            const chat = await answer.clone().json().catch(() => null);
            if (!answer.ok || !chat?.length) {
                fails();
            }
            return answer;
        } catch (error) {
            fails();
            throw error;
        }
    }

    // Whether no chat of this name exists, or only one that this page has begun. False if SillyTavern can't be asked.
    async mayBeSaved(fetch, wish, { headers }, path) {
        const ask = async (place, body) => {
            const kept = new Headers(headers);
            kept.delete('Content-Encoding');
            const answer = await fetch(place, { method: 'POST', headers: kept, body: JSON.stringify(body) }, place);
            return answer.ok ? answer.json() : Promise.reject(new Error(`${answer.status}`));
        };
        try {
            const { chat, ...which } = wish;
            const there = await ask(SAVES[path], which);
            if (there.length) {
                return markOf(there) !== undefined && markOf(there) === markOf(chat);
            }
            return !await this.isListed(ask, wish);
        } catch {
            return false;
        }
    }

    // Whether SillyTavern lists a file with content, even if it can't read it.
    async isListed(ask, wish) {
        const isFull = one => one.file_size !== undefined && !/^0\b/.test(one.file_size);
        if (wish.id !== undefined) {
            return isFull(await ask('/api/chats/group/info', { id: wish.id }));
        }
        const files = await ask('/api/characters/chats', { avatar_url: wish.avatar_url });
        return Array.isArray(files) && files.some(one => one.file_id === wish.file_name && isFull(one));
    }
}

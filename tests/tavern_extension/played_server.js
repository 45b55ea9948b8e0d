// SillyTavern's server as far as chats go: what it has, what it answers, what was saved.
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { Chats } from 'EXTENSION/chats.js';

const disk = {};  // name -> chat
let state = 'here';  // or: away (no answer), lost (nothing is there), unreadable (200 with nothing)
const warned = [];
const json = value => new Response(JSON.stringify(value));
const nameOf = wish => wish.id ?? `${wish.avatar_url}/${wish.file_name}`;
const unpacked = async ({ body }) => JSON.parse(body);

async function server(path, options) {
    if (state === 'away') {
        throw new TypeError('Failed to fetch');
    }
    const wish = await unpacked(options).catch(() => ({}));
    const chat = state === 'lost' ? undefined : disk[nameOf(wish)];
    const size = chat && { file_id: wish.file_name, file_size: `${JSON.stringify(chat).length} B` };
    switch (path) {
        case '/api/chats/get': return json(state === 'here' ? chat ?? [] : {});
        case '/api/chats/group/get': return json(state === 'here' ? chat ?? [] : []);
        case '/api/chats/group/info': return json(size ?? { match: false });
        case '/api/characters/chats':
            return json(state === 'lost' ? { error: true } : Object.keys(disk).map(one => (
                { file_id: one.split('/')[1], file_size: '200 B' })));
        default: return json({ saved: path });
    }
}

const fetch = new Chats((...words) => warned.push(words)).guard(server);
const post = (path, wish, more) => fetch(path, { method: 'POST', body: JSON.stringify(wish), ...more }, path);
const seraphina = { avatar_url: 'Seraphina.png', file_name: 'yesterday' };
const chatOf = (mark, ...words) => [{ chat_metadata: { integrity: mark } }, ...words.map(mes => ({ mes }))];
const read = (wish = seraphina) => post(wish.id ? '/api/chats/group/get' : '/api/chats/get', wish);
const save = (chat, wish = seraphina, more = {}) =>
    post(wish.id ? '/api/chats/group/save' : '/api/chats/save', { ...wish, chat, ...more });

// A page whose backend is played, and a clock that the test moves on.
import assert from 'node:assert/strict';
import { Connection, LOADS, LOST } from 'EXTENSION/connection.js';

const page = {
    state: {},  // what stackctl says; null: SillyTavern is away
    backend: 'a',  // the model that answers; null: none
    online: null, generates: false, busy: false, ours: true, shown: '', asked: 0, stopped: [],
    readState: async () => page.state,
    isOurs: () => page.ours,
    isOnline: () => page.online !== null,
    isGenerating: () => page.generates,
    isBusy: () => page.busy,
    ask: async () => { page.asked += 1; return page.backend && { result: page.backend }; },
    connect: ({ result }) => { page.online = result; },
    disconnect: () => { page.online = null; },
    show: text => { page.shown = text; },
    stop: text => { page.generates = false; page.stopped.push(text); },
};
let clock = 0;
const connection = new Connection(page, () => clock);
// Look so often, each time half a second later.
async function look(times = 1) {
    for (let i = 0; i < times; i += 1) {
        clock += 0.5;
        await connection.look();
    }
}

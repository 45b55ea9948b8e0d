// SillyTavern's page asks for its backend once, when it loads. If the backend is away then, or goes away later, it
// stays unconnected, and a running answer may hang for ever. So this asks again until the backend answers, but not
// while the page generates, edits or saves, nor after the user has cancelled or chosen another API.

const FIRST_S = 1;
const LONGEST_S = 30;
const QUIET_S = 0.7;  // an answer that pauses for longer than this, and for longer than before, may be over
const BRIEF_MS = 50;  // how long one look waits for the backend's answer: a later look takes it, or misses it
const AGAIN_S = 2.5;  // how soon to ask again while a question is open; a browser has six connections for all it asks
const OVERTAKEN_S = 1.5;  // how long a question may stay unanswered after the backend has answered a later one
const MOST_S = 120;  // how long the page waits for a backend that is away or silent
const LOADS_S = 600;  // and for one that may load its model again (state.sleeps), during which it may not answer

export const LOST = 'The backend went away while it answered. The part of the answer that had arrived is kept.';

export const LOADS = 'The backend loads its model again: it was asleep.';

const isOpen = question => question.over === null;

// page: the page's state and actions (page.js). now: returns the time in seconds.
export class Connection {
    constructor(page, now) {
        this.page = page;
        this.now = now;
        this.state = null;  // what stackctl wrote last (state.json)
        this.misses = 0;  // how many times in a row SillyTavern itself did not answer
        this.isCancelled = false;
        this.isDue = false;  // whether to ask the backend even if the page shows itself connected
        this.wait = FIRST_S;
        this.next = 0;
        this.answer = null;  // the running answer
    }

    // The user has cancelled the connection, or wants it again (the connect button).
    cancel(isCancelled) {
        this.isCancelled = isCancelled;
        this.soon();
        this.page.show('');
    }

    // A generation failed: the backend may be gone.
    doubt() {
        this.isDue = true;
    }

    // A request for an answer, as the backend needs it: some wake only for one that names their model.
    named(options) {
        const { state } = this;
        if (!state?.wake_model || !this.page.isOurs(state)) {
            return options;
        }
        try {
            return { ...options, body: JSON.stringify({ model: state.wake_model, ...JSON.parse(options.body) }) };
        } catch {
            return options;
        }
    }

    // A generation begins.
    begin() {
        this.answer = null;
    }

    // A piece of an answer came.
    flow() {
        const now = this.now();
        if (this.answer) {
            this.answer.gap = Math.max(this.answer.gap, this.answer.flows ? now - this.answer.last : 0);
            Object.assign(this.answer, { last: now, flows: true, away: null });
            this.page.show('');
        }
    }

    // Look once; call this often.
    async look() {
        const state = await this.page.readState();
        this.misses = state ? 0 : this.misses + 1;
        const isNew = Boolean(state && this.state) && state.model !== this.state.model;
        this.isDue ||= isNew;
        this.state = state ?? this.state;
        if (!this.page.isOurs(this.state) || this.isCancelled) {
            this.answer = null;
            return this.page.show('');
        }
        if (this.page.isGenerating()) {
            return this.lookAtAnswer(state);
        }
        this.answer = null;
        return this.page.isBusy() ? undefined : this.lookAtBackend(state);
    }

    async lookAtBackend(state) {
        if (!state) {
            return this.misses > 1 ? this.offline('Waiting for SillyTavern') : undefined;
        }
        if (state.waits) {
            this.soon();
            return this.offline(`Waiting for the backend: ${state.waits}`);
        }
        if (this.page.isOnline() && !this.isDue) {
            return this.page.show('');
        }
        if (this.now() < this.next) {
            return undefined;
        }
        const found = await this.page.ask();
        if (this.page.isBusy() || this.page.isGenerating() || this.isCancelled) {
            return undefined;  // the page has become busy
        }
        if (!found) {
            this.next = this.now() + this.wait;
            this.wait = Math.min(this.wait * 2, LONGEST_S);
            return this.offline('Waiting for the backend');
        }
        this.soon();
        this.isDue = false;
        this.page.show('');
        return this.page.connect(found);
    }

    offline(text) {
        if (this.page.isOnline()) {
            this.page.disconnect();
        }
        this.page.show(text);
    }

    soon() {
        this.wait = FIRST_S;
        this.next = 0;
    }

    // If the backend went away during an answer, and is back or stays away, end the answer: nothing more will come.
    async lookAtAnswer(state) {
        const now = this.now();
        this.answer ??= { last: now, gap: 0, flows: false, away: null, next: 0, asked: [] };
        const { answer } = this;
        const silence = now - answer.last;
        const mayLoad = Boolean(this.state.sleeps) && !answer.flows;
        if (state?.waits) {
            answer.away ??= now;
        } else if (silence > QUIET_S + 3 * answer.gap && now >= answer.next && !this.isFull(answer, now)) {
            answer.next = now + Math.min(Math.max(silence / 5, 0.4), 3);
            const question = { at: now, over: null };
            answer.asked.push(question);
            const asked = this.page.ask().then(found => this.hear(answer, question, found, state));
            await Promise.race([asked, new Promise(over => setTimeout(over, BRIEF_MS))]);
            if (answer !== this.answer || answer.last > now) {
                return;  // the answer has continued meanwhile, or is over
            }
        }
        if (!mayLoad && this.isOvertaken(answer, now)) {
            return this.end();
        }
        if ((answer.away !== null && now - answer.away > MOST_S) || (answer.flows && silence > MOST_S)
            || (mayLoad && silence > LOADS_S)) {
            this.end();
        }
    }

    // The backend answered a question, or did not (null).
    hear(answer, question, found, state) {
        const mayLoad = Boolean(this.state.sleeps) && !answer.flows;
        question.over = this.now();
        question.isFound = found !== null;
        if (answer !== this.answer || answer.last > question.at) {
            return;  // the answer has continued meanwhile
        }
        if (mayLoad) {
            this.page.show(found ? '' : LOADS);
        } else if (!found && state) {
            answer.away ??= question.at;
        }
        if (found && answer.away !== null) {
            this.end();
        }
    }

    isFull({ asked }, now) {
        return asked.some(isOpen) && now - asked.at(-1).at < AGAIN_S;
    }

    // Whether the backend has answered a later question for a while, and not an earlier one: what had the earlier one,
    // and the request for the answer before it, is gone without a word, as a machine that lost its power is.
    isOvertaken(answer, now) {
        const open = answer.asked.find(one => isOpen(one) && one.at > answer.last);
        return Boolean(open) && answer.asked.some(
            one => one.at > open.at && one.isFound && now - one.over > OVERTAKEN_S,
        );
    }

    end() {
        this.answer = null;
        this.isDue = true;
        this.page.stop(LOST);
    }
}

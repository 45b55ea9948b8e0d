// The state and actions of SillyTavern's page, for connection.js. Source: SillyTavern 1.19.0, public/script.js and
// public/scripts/textgen-settings.js: getStatusTextgen, which the page calls only after it has saved all settings.

const STATUS = '/api/backends/text-completions/status';
const PATIENCE_MS = 10_000;
const TEXT = 'no_connection_text';  // attribute: the text that is shown without a connection
const SHOWN_AT = ['#API-status-top', '#send_textarea'];
const EDITORS = '#curEditTextarea, .reasoning_edit_textarea';

const plain = url => url.replace(/\/+$/, '');

// fetch: the browser's function. place: the URL of state.json. parts: the page's modules, and its toastr.
export class Page {
    constructor(fetch, place, { script, text, power, models, bias, toastr }) {
        Object.assign(this, { fetch, place, script, models, bias, toastr });
        this.power = power.power_user;
        this.settings = text.textgenerationwebui_settings;
        this.server = text.getTextGenServer;
        this.texts = SHOWN_AT.map(one => document.querySelector(one)).map(one => [one, one.getAttribute(TEXT)]);
        this.shown = '';
        this.toast = null;
    }

    // The state that stackctl wrote last, {} for none, null if SillyTavern is away. It expires if stackctl has died.
    async readState() {
        try {
            const signal = AbortSignal.timeout(PATIENCE_MS);
            const answer = await this.fetch(this.place, { cache: 'no-store', signal });
            const state = answer.ok ? await answer.json() : {};
            const isOld = Date.parse(answer.headers.get('Date')) / 1000 > state.until;
            return { ...state, waits: isOld ? '' : state.waits };
        } catch {
            return null;
        }
    }

    // Whether the page should be connected to the backend that stackctl set.
    isOurs(state) {
        return Boolean(state?.url) && this.power.auto_connect && this.script.main_api === 'textgenerationwebui'
            && this.settings.type === state.type && plain(this.server()) === plain(state.url);
    }

    isOnline() {
        return this.script.online_status !== 'no_connection';
    }

    isGenerating() {
        return this.script.isGenerating();
    }

    isBusy() {
        return this.script.isChatSaving || document.querySelector(EDITORS) !== null;
    }

    // The backend's answer, null without one.
    async ask() {
        try {
            const answer = await this.fetch(STATUS, {
                method: 'POST',
                headers: this.script.getRequestHeaders(),
                body: JSON.stringify({ api_server: this.server(), api_type: this.settings.type }),
                signal: AbortSignal.timeout(PATIENCE_MS),
            });
            const tokenizes = answer.headers.get('x-supports-tokenization') === 'true';
            return answer.ok ? { ...await answer.json(), tokenizes } : null;
        } catch {
            return null;
        }
    }

    async connect({ result, data, tokenizes }) {
        this.bias.BIAS_CACHE.clear();
        const isLlama = this.settings.type === 'llamacpp';
        if (isLlama) {
            await this.models.loadLlamaCppModels(data);
        }
        if (tokenizes) {
            sessionStorage.setItem('tokenizationSupported', 'true');
        } else {
            sessionStorage.removeItem('tokenizationSupported');
        }
        this.script.setOnlineStatus((isLlama && this.settings.llamacpp_model) || result || 'Connected');
        this.script.resultCheckStatus();
        this.toastr?.success(this.script.online_status, 'Connected');
    }

    disconnect() {
        this.script.setOnlineStatus('no_connection');
    }

    // Show what the page waits for; '' for nothing.
    show(text) {
        if (text) {
            $('.api_loading').show();  // the button to cancel, which the page hides by itself
        }
        if (text === this.shown) {
            return;
        }
        this.shown = text;
        for (const [element, own] of this.texts) {
            element.setAttribute(TEXT, text || own);
        }
        if (!text) {
            $('.api_loading').hide();
        }
        this.script.displayOnlineStatus();
        if (this.toast && text) {
            this.toast.find('.toast-message').text(text);
        } else if (this.toast) {
            this.toastr.clear(this.toast, { force: true });
            this.toast = null;
        } else if (text) {
            this.toast = this.toastr?.info(text, '', { timeOut: 0, extendedTimeOut: 0 });
        }
    }

    stop(text) {
        this.script.stopGeneration();
        this.toastr?.error(text, 'The answer has ended early', { timeOut: 20_000 });
    }
}

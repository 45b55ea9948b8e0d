// A proxy between SillyTavern and its backend that spoils streamed answers: cut (half of it, then a clean end),
// break (half of it, then a broken connection), bytes (a byte that is no UTF-8), twice (UTF-8 taken for Latin-1),
// slow (whole, each event 100 ms after the one before), held (whole, all at once after 3 s), told (whole, and what was
// asked is written to its log),
// endless (its first event, for ever).
// For tests: node between.js HOW HOST PORT
const http = require('http');
const [how, host, port] = process.argv.slice(2);
const pause = (ms) => new Promise((next) => setTimeout(next, ms));
const spoilt = {
  cut: (body, answer) => answer.end(body.subarray(0, body.length / 2)),
  break: (body, answer) => answer.write(body.subarray(0, body.length / 2), () => answer.destroy()),
  twice: (body, answer) => answer.end(Buffer.from(body.toString('latin1'), 'utf8')),
  bytes: (body, answer) => answer.end(Buffer.from(body.toString('latin1').replace('demo', 'd\xe9mo'), 'latin1')),
  held: (body, answer) => setTimeout(() => answer.end(body), 3000),
  endless: (body, answer) => {
    const event = body.toString().split(/(?<=\n\n)/)[0];
    const more = () => { while (answer.write(event)); };
    answer.on('drain', more);
    more();
  },
  told: (body, answer) => answer.end(body),
  slow: async (body, answer) => {
    for (const event of body.toString().split(/(?<=\n\n)/)) {
      answer.write(event);
      await pause(100);
    }
    answer.end();
  },
};
http.createServer((asked, answer) => {
  const sent = [];
  asked.on('data', (part) => sent.push(part)).on('end', () => {
    const { method, url: path, headers } = asked;
    if (how === 'told') console.log(Buffer.concat(sent).toString());
    const on = http.request({ host, port, method, path, headers }, (found) => {
      const body = [];
      found.on('data', (part) => body.push(part)).on('end', () => {
        answer.writeHead(found.statusCode, { 'content-type': found.headers['content-type'] });
        const isStream = (found.headers['content-type'] || '').includes('event-stream');
        (isStream ? spoilt[how] : (whole) => answer.end(whole))(Buffer.concat(body), answer);
      });
    });
    on.on('error', () => answer.destroy());
    on.end(Buffer.concat(sent));
  });
}).listen(Number(port));

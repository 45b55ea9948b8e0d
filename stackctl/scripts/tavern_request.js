// Sends one request and prints its answer: a line of JSON with status and headers, then the body.
// It does not use fetch, which can't send a Host other than its URL's.
// STACKCTL_REQUEST: JSON with url, method, headers and body (base64; null: none).
const r=JSON.parse(process.env.STACKCTL_REQUEST),h=[];
require(new URL(r.url).protocol.slice(0,-1)).request(r.url,{method:r.method,headers:r.headers},a=>{
  for(let i=0;i<a.rawHeaders.length;i+=2)h.push(a.rawHeaders.slice(i,i+2));
  process.stdout.write(JSON.stringify({status:a.statusCode,headers:h})+'\n');
  a.pipe(process.stdout);
}).on('error',e=>{
  process.stderr.write(String(e));
  process.exit(7)
}).end(r.body&&Buffer.from(r.body,'base64'));

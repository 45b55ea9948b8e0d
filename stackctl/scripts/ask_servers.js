// Asks all URLs in parallel; the first request shows whether a server is there, then the others follow in parallel.
// Argument: a file of JSON with urls, requests (path and body), key, patience (milliseconds) and limit (bytes).
// Prints JSON: {tried: [{url, failure, answers: {path: {status, body}}}]}.
const{urls,requests,key,patience,limit}=JSON.parse(require('fs').readFileSync(process.argv[1]));
const head=body=>({
  'accept-encoding':'identity',
  ...(key&&{authorization:'Bearer '+key}),
  ...(body&&{'content-type':'application/json'})
});
const codes={
  ENOTFOUND:'name',EAI_AGAIN:'name',ECONNREFUSED:'refused',ECONNRESET:'refused',EHOSTUNREACH:'unreachable',
  ENETUNREACH:'unreachable',ETIMEDOUT:'timeout',UND_ERR_CONNECT_TIMEOUT:'timeout',UND_ERR_HEADERS_TIMEOUT:'timeout'
};
const why=e=>{
  if(e.name==='TimeoutError')return'timeout';
  const c=e.cause||e;
  const code=c.code||(c.errors&&c.errors[0]&&c.errors[0].code);
  return codes[code]||String(code||c.message||c)
};
const ask=async(url,{path,body})=>{
  const a=await fetch(url+path,{
    redirect:'manual',
    signal:AbortSignal.timeout(patience),
    headers:head(body),
    ...(body&&{method:'POST',body})
  });
  const parts=[];
  let size=0;
  for await(const part of a.body||[]){
    if((size+=part.length)>limit)throw Error('its answer has more than '+limit+' bytes');
    parts.push(part)
  }
  return[path,{status:a.status,body:new TextDecoder().decode(Buffer.concat(parts))}]
};
const all=async url=>{
  let first;
  try{first=await ask(url,requests[0])}catch(e){return{url,failure:why(e),answers:{}}}
  const rest=await Promise.allSettled(requests.slice(1).map(r=>ask(url,r)));
  return{url,failure:'',answers:Object.fromEntries([first,...rest.filter(r=>r.value).map(r=>r.value)])}
};
Promise.all(urls.map(all)).then(r=>process.stdout.write(JSON.stringify({tried:r}),()=>process.exit()));

// Waits until the backend's loaded model answers, at most for some seconds.
// Arguments: a URL, the body to post to it ('': get it), seconds, SillyTavern's file of keys, and a key's name there.
// It asks with the key that SillyTavern will send; if that is wrong (401), waiting would not help.
const[u,b,s,f,n]=process.argv.slice(1),t=Date.now()+s*1e3,
  k=()=>{try{return JSON.parse(require('fs').readFileSync(f))[n].find(e=>e.active).value}catch{}},
  o=a=>({
    signal:AbortSignal.timeout(4e3),
    headers:{...(a&&{authorization:'Bearer '+a}),...(b&&{'content-type':'application/json'})},
    ...(b&&{method:'POST',body:b})
  });
(async()=>{
  for(;;){
    try{const r=await fetch(u,o(k()));if(r.ok||r.status===401)break}catch{}
    if(Date.now()>t)break;
    await new Promise(r=>setTimeout(r,500))
  }
  process.exit()
})()

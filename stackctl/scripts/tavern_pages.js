// Gets several pages in one process, because a process takes longer to start than a page to load.
// Prints a line of JSON with status and headers, as tavern_request.js does, then one with status, type and text each.
// STACKCTL_REQUEST: JSON with urls and headers.
const r=JSON.parse(process.env.STACKCTL_REQUEST);
process.stdout.write(JSON.stringify({status:200,headers:[]})+'\n');
(async()=>{
  for(const u of r.urls){
    const a=await fetch(u,{headers:r.headers,redirect:'manual'});
    const type=a.headers.get('content-type')||'';
    process.stdout.write(JSON.stringify({status:a.status,type,text:await a.text()})+'\n');
  }
})().catch(e=>{
  process.stderr.write(String(e.cause||e));
  process.exit(7)
});

// Forwards each connection. Arguments: the backend's host and port, and the port to listen on.
// Remaining data is sent even after the other side has ended; a client that goes away ends its request.
const n=require('net'),[h,p,l]=process.argv.slice(1);
n.createServer({allowHalfOpen:true},c=>{
  const b=n.connect({host:h,port:+p,allowHalfOpen:true});
  c.pipe(b);
  b.pipe(c);
  c.on('error',()=>b.destroy());
  c.on('close',()=>b.destroy());
  b.on('error',()=>c.destroy())
}).listen(+l)

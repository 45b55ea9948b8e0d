// Exits with 0 if the relay listens, else with 1.
require('net').connect(8000,'127.0.0.1')
  .on('connect',()=>process.exit(0))
  .on('error',()=>process.exit(1))

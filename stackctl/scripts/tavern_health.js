// Exits with 0 if SillyTavern answers, else with 1. 401: it asks for a password, so it lives.
fetch('http://127.0.0.1:8000/version')
  .then(r=>process.exit(r.ok||r.status===401?0:1),()=>process.exit(1))

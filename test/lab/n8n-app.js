// What n8n does with N8N_PROXY_HOPS, and nothing else of it: `trust proxy` as in its abstract-server.ts, a limit by address as in its
// rate-limit.service.ts. Express and express-rate-limit are the real ones, at n8n's versions, from the folder that is given.
//   node n8n-app.js FOLDER PORT HOPS      each answer: the address that n8n would take for the client's
import { createRequire } from 'node:module';

const [folder, port, hops] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const app = require('express')();
if (Number(hops) > 0) app.set('trust proxy', Number(hops));
app.use(require('express-rate-limit').rateLimit({ limit: 3, windowMs: 60_000, message: { message: 'Too many requests' } }));
app.get('/', (request, response) => response.send(request.ip));
app.listen(Number(port), '127.0.0.1', () => console.log('ready'));

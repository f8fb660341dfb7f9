// What a sender's own package for Node makes of a delivery, behind a bare `node:http` server on one port of the loopback.
//
//   node server.mjs FOLDER stripe|svix|nothing SECRET
//
// FOLDER has `node_modules`. It prints its address, answers 200 to what is right and 400 to what is not.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const [folder, name, secret] = process.argv.slice(2);
const require = createRequire(`${folder}/`);

const verifiers = {
  nothing: () => () => {},
  // The signature and its time alone: `constructEvent` would parse the event too.
  stripe: () => {
    const { signature } = require('stripe').webhooks;
    return (body, headers) => signature.verifyHeader(body, headers['stripe-signature'], secret, 300);
  },
  svix: () => {
    const { Webhook } = require('svix');
    const webhook = new Webhook(secret);
    return (body, headers) => webhook.verify(body, headers);
  },
};
const verify = verifiers[name]();

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    try {
      verify(body, request.headers);
      response.statusCode = 200;
    } catch {
      response.statusCode = 400;
    }
    response.end();
  });
});
server.listen(0, '127.0.0.1', () => {
  const { address, port } = server.address();
  console.log(`${address}:${port}`);
});

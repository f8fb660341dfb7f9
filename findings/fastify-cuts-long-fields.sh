#!/usr/bin/env bash
# A mail of 1.5 MiB in a form field, as Mailgun sends what it has received, at four parsers of multipart/form-data.
#
# Guess: the field is read whole, or the request is refused, so that the sender shows it or tries again; a parser that
#        refuses a file which is too long does the same with a field.
# Seen:  Hono and formidable read it whole, multer refuses it. Fastify's refuses a file beyond `fileSize` with 413, and cuts
#        a field beyond `fieldSize`, which is 1 MiB unless set: the handler gets two thirds of the mail, is told so by
#        nothing with `keyValues`, and answers 200. Mailgun's signature holds, as it is over a time and a token. A
#        `bodyLimit` with room does not help, `limits.fieldSize` does.
# Versions: fastify 5.12.8, @fastify/multipart 10.1.9, multer 2.5.0, express 5.3.0, hono 4.13.19, formidable 3.5.4 (npm),
#           Node.js 20.
# Source: https://github.com/fastify/fastify-multipart/issues/584 (closed by who found it, who checks lengths ahead);
#         https://documentation.mailgun.com/docs/mailgun/user-manual/receive-forward-store/receive-http
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts \
    fastify@5.12.8 @fastify/multipart@10.1.9 multer@2.5.0 express@5.3.0 hono@4.13.19 formidable@3.5.4

cat > run.mjs <<'NODE'
import crypto from 'node:crypto';
import http from 'node:http';

import multipart from '@fastify/multipart';
import express from 'express';
import fastify from 'fastify';
import { formidable } from 'formidable';
import { Hono } from 'hono';
import multer from 'multer';

const LENGTH = 1.5 * 1024 * 1024;
const headers = { 'content-type': 'multipart/form-data; boundary=boundary' };
const mac = (time, token) => crypto.createHmac('sha256', 'key').update(time + token).digest('hex');
const [timestamp, token] = ['1777899600', 'a'.repeat(50)];
const fields = { timestamp, token, signature: mac(timestamp, token), 'body-plain': 'm'.repeat(LENGTH) };

const part = (disposition, text) => `--boundary\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${text}\r\n`;
const form = Object.entries(fields).map(([name, text]) => part(`name="${name}"`, text)).join('');
const file = part('name="attachment-1"; filename="a.txt"', fields['body-plain']);

function told(read) {
  const isGood = read.signature === mac(read.timestamp, read.token);
  return `signature ${isGood ? 'good' : 'wrong'}, ${read['body-plain']?.length} characters`;
}

async function send(listener, body) {
  const server = http.createServer(listener);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}/`;
  const response = await fetch(url, { method: 'POST', headers, body });
  const answer = response.ok ? await response.text() : `refused (${response.status})`;
  server.closeAllConnections();
  server.close();
  return answer;
}

async function fastifyListener(limits) {
  const app = fastify({ bodyLimit: 30 * 1024 * 1024 });
  app.register(multipart, { attachFieldsToBody: 'keyValues', limits });
  app.post('/', async (request) => told(request.body));
  await app.ready();
  return (request, response) => app.routing(request, response);
}

const withMulter = express();
withMulter.post('/', multer().none(), (request, response) => response.send(told(request.body)));
withMulter.use((error, request, response, next) => response.status(500).end());

const withFormidable = async (request, response) => {
  const [read] = await formidable().parse(request);
  response.end(told(Object.fromEntries(Object.entries(read).map(([name, [text]]) => [name, text]))));
};

const withHono = new Hono();
withHono.post('/', async (context) => context.text(told(await context.req.parseBody())));

const body = `${form}--boundary--\r\n`;
const whole = `signature good, ${LENGTH} characters`;
const honoAnswer = async () => (await withHono.request('http://localhost/', { method: 'POST', headers, body })).text();
let changed = false;
for (const [what, seen, expected] of [
  ['Hono', await honoAnswer(), whole],
  ['formidable', await send(withFormidable, body), whole],
  ['multer', await send(withMulter, body), 'refused (500)'],
  ['Fastify, as a file', await send(await fastifyListener({ fileSize: 2 ** 20 }), `${file}${body}`), 'refused (413)'],
  ['Fastify', await send(await fastifyListener(), body), `signature good, ${2 ** 20} characters`],
  ['Fastify, more room', await send(await fastifyListener({ fieldSize: 30 * 2 ** 20 }), body), whole],
]) {
  console.log(`${what}: ${seen}`);
  changed ||= seen !== expected;
}
process.exitCode = changed ? 1 : 0;
NODE
node run.mjs

// Asks the SDKs on npm for `interop/run`: one question a line, in JSON, and one answer.
//
// Each adapter calls what the SDK's own documentation tells a receiver to call. Header names are in lower case, as
// node:http gives them.
import { createHash, createPrivateKey, createPublicKey, createSecretKey } from 'node:crypto';
import { EventEmitter } from 'node:events';
import https from 'node:https';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import readline from 'node:readline';

process.setMaxListeners(0);

const require = createRequire(import.meta.url);
const form = (body) => Object.fromEntries(new URLSearchParams(body));
const item = (body) => JSON.parse(body).notificationItems[0].NotificationRequestItem;
let domain = 0;

/** A public key in PEM. */
const spki = (key) => `-----BEGIN PUBLIC KEY-----\n${key.match(/.{1,64}/g).join('\n')}\n-----END PUBLIC KEY-----\n`;
const query = (uri) => Object.fromEntries(new URL(uri, 'http://x').searchParams);

// What a library of the Standard Webhooks specification needs, under both families of names.
const frame = (h) => Object.fromEntries(Object.entries(h).filter(([name]) => /^(svix|webhook)-/.test(name)));

/** The adapters: by sender, a package, and what it verifies and signs with. */
const ADAPTERS = {
  adyen: ['@adyen/api-library', ({ hmacValidator }) => {
    const validator = new hmacValidator();
    return {
      verify: ({ body, secret }) => validator.validateHMAC(item(body), secret),
      sign: ({ body, secret }) => {
        const signed = JSON.parse(body);
        const one = signed.notificationItems[0].NotificationRequestItem;
        one.additionalData = { hmacSignature: validator.calculateHmac(one, secret) };
        return { body: JSON.stringify(signed) };
      },
    };
  }],
  anthropic: ['@anthropic-ai/sdk', ({ default: Anthropic }) => {
    const { webhooks } = new Anthropic({ apiKey: 'none' }).beta;
    return { verify: ({ body, h, secret }) => webhooks.unwrap(body, { headers: h, key: secret }) };
  }],
  box_v2: ['box-node-sdk', () => {
    const { WebhooksManager } = require('box-node-sdk/lib/managers/webhooks');
    return { verify: ({ body, h, secret }) => WebhooksManager.validateMessage(body, h, secret) };
  }],
  cashfree: ['cashfree-pg', ({ Cashfree }) => ({
    verify: ({ body, h, secret }) => new Cashfree('SANDBOX', 'none', secret)
      .PGVerifyWebhookSignature(h['x-webhook-signature'], body, h['x-webhook-timestamp']),
  })],
  clerk: ['@clerk/backend', async () => {
    const { verifyWebhook } = await import('@clerk/backend/webhooks');
    return {
      verify: ({ body, h, secret, url }) => verifyWebhook(
        new Request(url, { method: 'POST', headers: h, body }),
        { signingSecret: secret },
      ),
    };
  }],
  coinbase_cdp: ['hook0-client', ({ verifyWebhookSignature }) => ({
    verify: ({ body, h, secret }) => verifyWebhookSignature(
      h['x-hook0-signature'], Buffer.from(body), new Headers(h), secret, 300,
    ),
  })],
  coinbase_commerce: ['coinbase-commerce-node', ({ default: { Webhook } }) => ({
    verify: ({ body, h, secret }) => Webhook.verifyEventBody(body, h['x-cc-webhook-signature'], secret),
    sign: ({ body, secret }) => ({ 'x-cc-webhook-signature': Webhook.computeSignature(body, secret) }),
  })],
  discord: ['discord-interactions', ({ verifyKey }) => ({
    verify: ({ body, h, secret }) => verifyKey(
      body, h['x-signature-ed25519'], h['x-signature-timestamp'], secret,
    ),
  })],
  elevenlabs: ['@elevenlabs/elevenlabs-js', ({ ElevenLabsClient }) => {
    const { webhooks } = new ElevenLabsClient({ apiKey: 'none' });
    return { verify: ({ body, h, secret }) => webhooks.constructEvent(body, h['elevenlabs-signature'], secret) };
  }],
  github: ['@octokit/webhooks-methods', ({ verify, sign }) => ({
    verify: ({ body, h, secret }) => verify(secret, body, h['x-hub-signature-256']),
    sign: async ({ body, secret }) => ({ 'x-hub-signature-256': await sign(secret, body) }),
  })],
  gitlab: ['standardwebhooks', standard],
  gocardless: ['gocardless-nodejs', () => {
    const { parse } = require('gocardless-nodejs/webhooks');
    return { verify: ({ body, h, secret }) => parse(body, secret, h['webhook-signature']) };
  }],
  hubspot: ['@hubspot/api-client', (hubspot) => ofHubspot(hubspot, 'v3', 'x-hubspot-signature-v3')],
  hubspot_v1: ['@hubspot/api-client', (hubspot) => ofHubspot(hubspot, 'v1', 'x-hubspot-signature')],
  hubspot_v2: ['@hubspot/api-client', (hubspot) => ofHubspot(hubspot, 'v2', 'x-hubspot-signature')],
  kinde: ['@kinde/webhooks', ({ decodeWebhook }) => ({
    // The key set of the domain is fetched: here it holds the one key, under whatever name is asked for.
    verify: async ({ body, secret }) => {
      const { kid } = JSON.parse(Buffer.from(body.split('.')[0], 'base64url'));
      const jwk = createPublicKey(spki(secret)).export({ format: 'jwk' });
      domain += 1;
      globalThis.fetch = async () => Response.json({ keys: [{ ...jwk, kid, alg: 'RS256', use: 'sig' }] });
      return (await decodeWebhook(body, `https://kinde-${domain}.example`)) !== null;
    },
  })],
  line: ['@line/bot-sdk', ({ validateSignature }) => ({
    verify: ({ body, h, secret }) => validateSignature(body, secret, h['x-line-signature']),
  })],
  linear: ['@linear/sdk', async () => {
    const { LinearWebhookClient } = await import('@linear/sdk/webhooks');
    return {
      verify: ({ body, h, secret }) => new LinearWebhookClient(secret).verify(
        Buffer.from(body), h['linear-signature'], JSON.parse(body).webhookTimestamp,
      ),
    };
  }],
  liveblocks: ['@liveblocks/node', ({ WebhookHandler }) => ({
    verify: ({ body, h, secret }) => new WebhookHandler(secret).verifyRequest({ headers: h, rawBody: body }),
  })],
  livekit: ['livekit-server-sdk', ({ WebhookReceiver, AccessToken }) => ({
    verify: ({ body, h, secret }) => new WebhookReceiver('1', secret).receive(body, h.authorization),
    sign: async ({ body, secret }) => {
      const token = new AccessToken('1', secret);
      token.sha256 = createHash('sha256').update(body).digest('base64');
      return { authorization: await token.toJwt() };
    },
  })],
  mercado_pago: ['mercadopago', ({ WebhookSignatureValidator }) => ({
    verify: ({ h, secret, uri }) => {
      WebhookSignatureValidator.validate({
        xSignature: h['x-signature'], xRequestId: h['x-request-id'], dataId: query(uri)['data.id'], secret,
      });
    },
  })],
  messagebird: ['messagebird', async () => {
    const { verify } = require('messagebird/lib/webhook-signature-jwt');
    return {
      verify: ({ body, h, secret, url }) => verify(
        url, Buffer.from(body), h['messagebird-signature-jwt'], createSecretKey(Buffer.from(secret)),
      ),
    };
  }],
  messagebird_legacy: ['messagebird', () => {
    const signature = require('messagebird/lib/signature');
    return { verify: ({ body, h, secret, uri }) => signature.validate({ headers: h, query: query(uri), body }, secret) };
  }],
  mux: ['@mux/mux-node', ({ default: Mux }) => {
    const { webhooks } = new Mux({ tokenId: 'none', tokenSecret: 'none' });
    return { verify: ({ body, h, secret }) => webhooks.verifySignature(body, h, secret) };
  }],
  notion: ['@notionhq/client', ({ verifyWebhookSignature, signWebhookPayload }) => ({
    verify: ({ body, h, secret }) => verifyWebhookSignature(
      { body, signature: h['x-notion-signature'], verificationToken: secret },
    ),
    sign: async ({ body, secret }) => (
      { 'x-notion-signature': await signWebhookPayload({ body, verificationToken: secret }) }
    ),
  })],
  onfido: ['@onfido/api', ({ WebhookEventVerifier }) => ({
    verify: ({ body, h, secret }) => new WebhookEventVerifier(secret).readPayload(body, h['x-sha2-signature']),
  })],
  openai: ['openai', ({ default: OpenAI }) => {
    const { webhooks } = new OpenAI({ apiKey: 'none' });
    return { verify: ({ body, h, secret }) => webhooks.verifySignature(body, h, secret) };
  }],
  paddle: ['@paddle/paddle-node-sdk', ({ Paddle }) => {
    const { webhooks } = new Paddle('none');
    return { verify: ({ body, h, secret }) => webhooks.isSignatureValid(body, secret, h['paddle-signature']) };
  }],
  plivo_v2: ['plivo', ({ default: plivo }) => ({
    verify: ({ h, secret, url, uri }) => plivo.validateSignature(
      new URL(uri, url).href, h['x-plivo-signature-v2-nonce'], h['x-plivo-signature-v2'], secret,
    ),
  })],
  // As Plaid's documentation of webhook verification has it.
  plaid: ['jose', ({ jwtVerify }) => ({
    verify: async ({ body, h, secret }) => {
      const key = createPublicKey(spki(secret));
      const options = { algorithms: ['ES256'], maxTokenAge: '5 min' };
      const { payload } = await jwtVerify(h['plaid-verification'], key, options);
      return payload.request_body_sha256 === createHash('sha256').update(body).digest('hex');
    },
  })],
  polar: ['@polar-sh/sdk', async () => {
    const { validateEvent, WebhookVerificationError } = await import('@polar-sh/sdk/webhooks');
    return {
      verify: ({ body, h, secret }) => {
        try {
          return validateEvent(body, h, secret);
        } catch (error) {
          // What the schema of an order lacks in our body is no matter of the signature.
          if (error instanceof WebhookVerificationError) throw error;
          return true;
        }
      },
    };
  }],
  pusher: ['pusher', ({ default: Pusher }) => {
    const client = (secret) => new Pusher({ appId: '1', key: '3f9d1c', secret, cluster: 'eu' });
    return { verify: ({ body, h, secret }) => client(secret).webhook({ headers: h, rawBody: body }).isValid() };
  }],
  razorpay: ['razorpay', ({ default: Razorpay }) => ({
    verify: ({ body, h, secret }) => Razorpay.validateWebhookSignature(body, h['x-razorpay-signature'], secret),
  })],
  replicate: ['replicate', ({ validateWebhook }) => ({
    verify: ({ body, h, secret }) => validateWebhook({ headers: h, body }, secret),
  })],
  resend: ['resend', ({ Resend }) => {
    const { webhooks } = new Resend('re_none');
    return {
      verify: ({ body, h, secret }) => webhooks.verify({
        payload: body,
        headers: { id: h['svix-id'], timestamp: h['svix-timestamp'], signature: h['svix-signature'] },
        webhookSecret: secret,
      }),
    };
  }],
  sanity: ['@sanity/webhook', ({ isValidSignature, encodeSignatureHeader, SIGNATURE_HEADER_NAME }) => ({
    verify: ({ body, h, secret }) => isValidSignature(body, h[SIGNATURE_HEADER_NAME], secret),
    sign: async ({ body, secret, now }) => (
      { [SIGNATURE_HEADER_NAME]: await encodeSignatureHeader(body, now * 1000, secret) }
    ),
  })],
  sendgrid: ['@sendgrid/eventwebhook', ({ EventWebhook }) => {
    const webhook = new EventWebhook();
    return {
      verify: ({ body, h, secret }) => webhook.verifySignature(
        webhook.convertPublicKeyToECDSA(secret), body, h['x-twilio-email-event-webhook-signature'],
        h['x-twilio-email-event-webhook-timestamp'],
      ),
    };
  }],
  shopify: ['@shopify/shopify-api', ofShopify],
  shopify_events: ['@shopify/shopify-api', ofShopify],
  slack: ['@slack/bolt', ({ verifySlackRequest }) => ({
    verify: ({ body, h, secret }) => {
      verifySlackRequest({
        signingSecret: secret,
        body,
        headers: {
          'x-slack-signature': h['x-slack-signature'],
          'x-slack-request-timestamp': Number(h['x-slack-request-timestamp']),
        },
      });
    },
  })],
  sns: ['sns-validator', () => ({
    // The certificate is fetched, and remembered by its URL: here it is the key, and each question asks anew.
    verify: ({ body, secret }) => new Promise((resolve, reject) => {
      https.get = (_, then) => {
        const answer = Object.assign(new EventEmitter(), { statusCode: 200 });
        then(answer);
        answer.emit('data', spki(secret));
        answer.emit('end');
        return new EventEmitter();
      };
      delete require.cache[require.resolve('sns-validator')];
      const Validator = require('sns-validator');
      new Validator().validate(body, (error) => (error ? reject(error) : resolve(true)));
    }),
  })],
  square: ['square', ({ WebhooksHelper }) => ({
    verify: ({ body, h, secret, url }) => WebhooksHelper.verifySignature({
      requestBody: body,
      signatureHeader: h['x-square-hmacsha256-signature'],
      signatureKey: secret,
      notificationUrl: url,
    }),
  })],
  standard_webhooks: ['standardwebhooks', standard],
  // The library that Stark Bank's SDKs verify with.
  stark_bank: ['starkbank-ecdsa', ({ default: { Ecdsa, PrivateKey, PublicKey, Signature } }) => ({
    verify: ({ body, h, secret }) => Ecdsa.verify(
      body, Signature.fromBase64(h['digital-signature']), PublicKey.fromPem(spki(secret)),
    ),
    sign: ({ body, private: pem }) => {
      const sec1 = createPrivateKey(pem).export({ format: 'pem', type: 'sec1' });
      return { 'digital-signature': Ecdsa.sign(body, PrivateKey.fromPem(sec1)).toBase64() };
    },
  })],
  stripe: ['stripe', ({ default: Stripe }) => ({
    verify: ({ body, h, secret }) => Stripe.webhooks.constructEvent(body, h['stripe-signature'], secret),
    sign: ({ body, secret, now }) => ({
      'stripe-signature': Stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp: now }),
    }),
  })],
  svix: ['svix', ({ Webhook }) => ({
    verify: ({ body, h, secret }) => new Webhook(secret).verify(body, frame(h)),
    sign: ({ body, secret, now }) => ({
      'svix-id': 'msg_7',
      'svix-timestamp': String(now),
      'svix-signature': new Webhook(secret).sign('msg_7', new Date(now * 1000), body),
    }),
  })],
  telnyx: ['telnyx', ({ default: Telnyx }) => {
    const { webhooks } = new Telnyx({ apiKey: 'none' });
    return { verify: ({ body, h, secret }) => webhooks.unwrap(body, { headers: h, key: secret }) };
  }],
  twilio: ['twilio', ofTwilio],
  twilio_shared_key: ['twilio', ofTwilio],
  viber: ['viber-bot', () => {
    const Validator = require('viber-bot/lib/message/message-validator');
    const validator = (secret) => new Validator({ debug() {} }, secret);
    return {
      verify: ({ body, h, secret }) => validator(secret).validateMessage(h['x-viber-content-signature'], body),
    };
  }],
  // The token, and the hash in it that Vonage's documentation has compared.
  vonage: ['@vonage/jwt', ({ verifySignature }) => ({
    verify: ({ body, h, secret }) => {
      const token = h.authorization.replace('Bearer ', '');
      const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
      const hash = createHash('sha256').update(body).digest('hex');
      return verifySignature(token, secret) && claims.payload_hash === hash;
    },
  })],
  workos: ['@workos-inc/node', ({ WorkOS }) => {
    const { webhooks } = new WorkOS('sk_none');
    return {
      verify: ({ body, h, secret }) => webhooks.verifyHeader(
        { payload: body, sigHeader: h['workos-signature'], secret },
      ),
      sign: async ({ body, secret, now }) => {
        const hash = await webhooks.computeSignature(now * 1000, body, secret);
        return { 'workos-signature': `t=${now * 1000}, v1=${hash}` };
      },
    };
  }],
};

function standard({ Webhook }) {
  return {
    verify: ({ body, h, secret }) => new Webhook(secret).verify(body, frame(h)),
    sign: ({ body, secret, now }) => ({
      'webhook-id': 'msg_7',
      'webhook-timestamp': String(now),
      'webhook-signature': new Webhook(secret).sign('msg_7', new Date(now * 1000), body),
    }),
  };
}

function ofHubspot({ Signature }, signatureVersion, header) {
  const options = ({ body, secret, url }, timestamp) => (
    { clientSecret: secret, requestBody: body, url, ...(timestamp && { timestamp }) }
  );
  return {
    verify: (delivery) => Signature.isValid({
      method: 'POST',
      signatureVersion,
      signature: delivery.h[header],
      ...options(delivery, Number(delivery.h['x-hubspot-request-timestamp'])),
    }),
    sign: (delivery) => {
      const timestamp = delivery.now * 1000;
      const signature = Signature.getSignature('POST', signatureVersion, options(delivery, timestamp));
      return signatureVersion === 'v3'
        ? { [header]: signature, 'x-hubspot-request-timestamp': String(timestamp) }
        : { [header]: signature, 'x-hubspot-signature-version': signatureVersion };
    },
  };
}

async function ofShopify({ shopifyApi }) {
  await import('@shopify/shopify-api/adapters/node');
  return {
    verify: async ({ body, h, secret, uri }) => {
      const shopify = shopifyApi({
        apiKey: 'none',
        apiSecretKey: secret,
        apiVersion: '2026-01',
        hostName: 'hooks.example',
        isEmbeddedApp: false,
        logger: { log() {} },
      });
      const rawRequest = { method: 'POST', url: uri, headers: h };
      const { valid } = await shopify.webhooks.validate({ rawBody: body, rawRequest, rawResponse: {} });
      return valid;
    },
  };
}

function ofTwilio({ default: twilio }) {
  const { getSignatureAlgorithm } = require('twilio/lib/webhooks/webhooks');
  const SETTINGS = 'x-twilio-webhooks-signature-settings';
  const full = (url, uri) => new URL(uri, url).href;
  return {
    verify: ({ body, h, secret, url, uri }) => twilio.validateRequest(
      secret, h['x-twilio-signature'], full(url, uri), form(body), getSignatureAlgorithm(h[SETTINGS]),
    ),
    sign: ({ body, secret, url, uri, sender }) => {
      const settings = sender === 'twilio_shared_key' ? 'key=SK0123,algorithm=HMAC_SHA256' : undefined;
      const algorithm = getSignatureAlgorithm(settings);
      const signature = twilio.getExpectedTwilioSignature(secret, full(url, uri), form(body), algorithm);
      return { 'x-twilio-signature': signature, ...(settings && { [SETTINGS]: settings }) };
    },
  };
}

// An SDK that writes to the console would write among the answers.
console.log = console.info = console.debug = console.warn = () => {};

const known = new Map();
const failed = new Map();
for (const [sender, [name, adapt]] of Object.entries(ADAPTERS)) {
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`));
  try {
    const { verify, sign } = await adapt(await import(name));
    known.set(sender, { name, version, verify, sign });
  } catch (error) {
    failed.set(sender, `${name}: ${error}`);
  }
}

async function answer({ task, ...delivery }) {
  if (task === 'list') {
    const sdks = [...known].map(([sender, { name, version, sign }]) => [sender, name, version, Boolean(sign)]);
    return { sdks, failed: Object.fromEntries(failed) };
  }
  const sdk = known.get(delivery.sender);
  if (task === 'sign') {
    const { body = delivery.body, ...headers } = await sdk.sign(delivery);
    return { signed: { body, headers: Object.entries(headers) } };
  }
  const h = Object.fromEntries(delivery.headers.map(([name, value]) => [name.toLowerCase(), value]));
  try {
    return await sdk.verify({ ...delivery, h }) === false ? { refused: 'false' } : 'accepted';
  } catch (error) {
    return { refused: String(error.message ?? error).split('\n')[0] };
  }
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
}
process.exit(0);

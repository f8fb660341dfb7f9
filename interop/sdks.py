"""Asks the SDKs on PyPI for `interop/run`: one question a line, in JSON, and one answer.

Each adapter calls what the SDK's own documentation tells a receiver to call. Headers are in a mapping that knows no
case, as web frameworks have them.
"""

import base64
import hashlib
import io
import json
import logging
import sys
import warnings
from contextlib import redirect_stdout
from datetime import datetime, timezone
from importlib.metadata import version
from urllib.parse import parse_qsl, urljoin, urlsplit

from requests.structures import CaseInsensitiveDict

warnings.simplefilter("ignore")
logging.disable()
KNOWN = {}
FAILED = {}


def adapter(sender, package):
    """The function makes `verify`, and `sign` where the SDK has it; what it cannot import is told."""

    def add(make):
        try:
            made = make()
            verify, sign = made if isinstance(made, tuple) else (made, None)
            KNOWN[sender] = (package, version(package), verify, sign)
        except Exception as error:
            FAILED[sender] = f"{package}: {error!r}"
        return make

    return add


def query(uri):
    return dict(parse_qsl(urlsplit(uri).query))


@adapter("adyen", "Adyen")
def _():
    from Adyen.util import generate_notification_sig, is_valid_hmac_notification

    def sign(d):
        body = json.loads(d["body"])
        item = body["notificationItems"][0]["NotificationRequestItem"]
        signature = generate_notification_sig(item, d["secret"]).decode()
        item["additionalData"] = {"hmacSignature": signature}
        return {"body": json.dumps(body)}

    return lambda d: is_valid_hmac_notification(json.loads(d["body"]), d["secret"]), sign


@adapter("anthropic", "anthropic")
def _():
    from anthropic import Anthropic

    webhooks = Anthropic(api_key="none").beta.webhooks
    return lambda d: webhooks.unwrap(d["body"], headers=d["h"], key=d["secret"])


@adapter("box_v2", "boxsdk")
def _():
    from box_sdk_gen import WebhooksManager

    return lambda d: WebhooksManager.validate_message(d["body"], d["h"], d["secret"])


@adapter("coinbase_cdp", "hook0-client")
def _():
    from hook0.signature import verify_webhook_signature

    return lambda d: verify_webhook_signature(
        d["h"]["x-hook0-signature"], d["body"].encode(), dict(d["h"]), d["secret"], 300
    )


@adapter("coinbase_commerce", "coinbase-commerce")
def _():
    from coinbase_commerce.webhook import Webhook

    return lambda d: Webhook.construct_event(d["body"], d["h"]["x-cc-webhook-signature"], d["secret"])


@adapter("discord", "discord-interactions")
def _():
    from discord_interactions import verify_key

    def verify(d):
        h = d["h"]
        # It prints why.
        with redirect_stdout(io.StringIO()):
            return verify_key(
                d["body"].encode(), h["x-signature-ed25519"], h["x-signature-timestamp"], d["secret"]
            )

    return verify


@adapter("elevenlabs", "elevenlabs")
def _():
    from elevenlabs.client import ElevenLabs

    webhooks = ElevenLabs(api_key="none").webhooks
    return lambda d: webhooks.construct_event(d["body"], d["h"]["elevenlabs-signature"], d["secret"])


@adapter("github", "gidgethub")
def _():
    from gidgethub.sansio import validate_event

    return lambda d: validate_event(
        d["body"].encode(), signature=d["h"]["x-hub-signature-256"], secret=d["secret"]
    )


@adapter("gocardless", "gocardless-pro")
def _():
    from gocardless_pro import webhooks

    return lambda d: webhooks.parse(d["body"], d["secret"], d["h"]["webhook-signature"])


def of_hubspot(number, header):
    from hubspot.utils.signature import Signature

    def verify(d):
        return Signature.is_valid(
            signature=d["h"][header],
            client_secret=d["secret"],
            request_body=d["body"],
            http_uri=d["url"],
            signature_version=number,
            timestamp=d["h"].get("x-hubspot-request-timestamp"),
        )

    def sign(d):
        time = f"{d['now']}000"
        headers = {"x-hubspot-request-timestamp": time} if number == "v3" else {}
        headers[header] = Signature.get_signature(d["secret"], d["body"], number, d["url"], timestamp=time)
        return headers if number == "v3" else {**headers, "x-hubspot-signature-version": number}

    return verify, sign


adapter("hubspot", "hubspot-api-client")(lambda: of_hubspot("v3", "x-hubspot-signature-v3"))
adapter("hubspot_v1", "hubspot-api-client")(lambda: of_hubspot("v1", "x-hubspot-signature"))
adapter("hubspot_v2", "hubspot-api-client")(lambda: of_hubspot("v2", "x-hubspot-signature"))


@adapter("line", "line-bot-sdk")
def _():
    from linebot.v3.webhook import SignatureValidator

    return lambda d: SignatureValidator(d["secret"]).validate(d["body"], d["h"]["x-line-signature"])


@adapter("livekit", "livekit-api")
def _():
    from livekit.api import AccessToken, TokenVerifier, WebhookReceiver

    def sign(d):
        digest = base64.b64encode(hashlib.sha256(d["body"].encode()).digest()).decode()
        return {"authorization": AccessToken("1", d["secret"]).with_sha256(digest).to_jwt()}

    def verify(d):
        return WebhookReceiver(TokenVerifier("1", d["secret"])).receive(d["body"], d["h"]["authorization"])

    return verify, sign


@adapter("mercado_pago", "mercadopago")
def _():
    from mercadopago.webhook.validator import WebhookSignatureValidator

    return lambda d: WebhookSignatureValidator.validate(
        d["h"]["x-signature"], d["h"]["x-request-id"], query(d["uri"]).get("data.id"), d["secret"]
    )


@adapter("messagebird", "messagebird")
def _():
    from messagebird.request_validator import RequestValidator

    return lambda d: RequestValidator(d["secret"]).validate_signature(
        d["h"]["messagebird-signature-jwt"], d["url"], d["body"].encode()
    )


@adapter("messagebird_legacy", "messagebird")
def _():
    from messagebird.signed_request import SignedRequest

    def verify(d):
        signature, time = d["h"]["messagebird-signature"], d["h"]["messagebird-request-timestamp"]
        request = SignedRequest(signature, time, d["body"], query(d["uri"]))
        return request.verify(d["secret"]) and request.is_recent()

    return verify


@adapter("onfido", "onfido-python")
def _():
    from onfido.webhook_event_verifier import WebhookEventVerifier

    return lambda d: WebhookEventVerifier(d["secret"]).read_payload(d["body"], d["h"]["x-sha2-signature"])


@adapter("openai", "openai")
def _():
    from openai import OpenAI

    webhooks = OpenAI(api_key="none").webhooks
    return lambda d: webhooks.verify_signature(d["body"], d["h"], secret=d["secret"])


@adapter("paddle", "paddle-python-sdk")
def _():
    from types import SimpleNamespace

    from paddle_billing.Notifications import Secret, Verifier

    return lambda d: Verifier().verify(
        SimpleNamespace(headers=d["h"], body=d["body"].encode()), Secret(d["secret"])
    )


@adapter("plivo_v2", "plivo")
def _():
    from plivo.utils import validate_signature

    return lambda d: validate_signature(
        urljoin(d["url"], d["uri"]),
        d["h"]["x-plivo-signature-v2-nonce"],
        d["h"]["x-plivo-signature-v2"],
        d["secret"],
    )


@adapter("polar", "polar-sdk")
def _():
    from polar.webhooks import validate_event

    return lambda d: validate_event(
        d["body"], d["h"], d["secret"], frozenset(["order.paid"]), lambda payload: payload
    )


@adapter("pusher", "pusher")
def _():
    from pusher import Pusher

    def verify(d):
        client = Pusher(app_id="1", key="3f9d1c", secret=d["secret"], cluster="eu")
        event = client.validate_webhook(d["h"]["x-pusher-key"], d["h"]["x-pusher-signature"], d["body"])
        return event is not None

    return verify


@adapter("razorpay", "razorpay")
def _():
    from razorpay import Client

    utility = Client(auth=("none", "none")).utility
    return lambda d: utility.verify_webhook_signature(
        d["body"], d["h"]["x-razorpay-signature"], d["secret"]
    )


@adapter("replicate", "replicate")
def _():
    from replicate.webhook import Webhooks, WebhookSigningSecret

    return lambda d: Webhooks.validate(
        headers=d["h"], body=d["body"], secret=WebhookSigningSecret(key=d["secret"])
    )


@adapter("resend", "resend")
def _():
    import resend

    return lambda d: resend.Webhooks.verify(
        {
            "payload": d["body"],
            "headers": {name: d["h"].get(f"svix-{name}") for name in ("id", "timestamp", "signature")},
            "webhook_secret": d["secret"],
        }
    )


@adapter("slack", "slack-sdk")
def _():
    from slack_sdk.signature import SignatureVerifier

    def sign(d):
        time = str(d["now"])
        signature = SignatureVerifier(d["secret"]).generate_signature(timestamp=time, body=d["body"])
        return {"x-slack-request-timestamp": time, "x-slack-signature": signature}

    return lambda d: SignatureVerifier(d["secret"]).is_valid_request(d["body"], d["h"]), sign


@adapter("square", "squareup")
def _():
    from square.utils.webhooks_helper import verify_signature

    return lambda d: verify_signature(
        request_body=d["body"],
        signature_header=d["h"]["x-square-hmacsha256-signature"],
        signature_key=d["secret"],
        notification_url=d["url"],
    )


def of_standard(module, prefix):
    def verify(d):
        return module.Webhook(d["secret"]).verify(d["body"], dict(d["h"]))

    def sign(d):
        moment = datetime.fromtimestamp(d["now"], timezone.utc)
        signature = module.Webhook(d["secret"]).sign("msg_7", moment, d["body"])
        told = {"id": "msg_7", "timestamp": str(d["now"]), "signature": signature}
        return {f"{prefix}-{name}": value for name, value in told.items()}

    return verify, sign


@adapter("standard_webhooks", "standardwebhooks")
def _():
    import standardwebhooks.webhooks

    return of_standard(standardwebhooks.webhooks, "webhook")


@adapter("gitlab", "standardwebhooks")
def _():
    import standardwebhooks.webhooks

    return of_standard(standardwebhooks.webhooks, "webhook")


@adapter("svix", "svix")
def _():
    import svix.webhooks

    return of_standard(svix.webhooks, "svix")


@adapter("stripe", "stripe")
def _():
    import stripe

    def sign(d):
        from stripe import WebhookSignature

        header = WebhookSignature.generate_signature_header(d["body"], d["secret"], d["now"])
        return {"stripe-signature": header}

    return (
        lambda d: stripe.Webhook.construct_event(d["body"], d["h"]["stripe-signature"], d["secret"]),
        sign,
    )


def of_twilio():
    from twilio.request_validator import RequestValidator

    settings = "x-twilio-webhooks-signature-settings"

    def fields(d):
        return dict(parse_qsl(d["body"]))

    def algorithm(value):
        return "HMAC_SHA256" if "HMAC_SHA256" in (value or "") else "HMAC_SHA1"

    def verify(d):
        return RequestValidator(d["secret"]).validate(
            urljoin(d["url"], d["uri"]),
            fields(d),
            d["h"]["x-twilio-signature"],
            algorithm(d["h"].get(settings)),
        )

    def sign(d):
        told = "key=SK0123,algorithm=HMAC_SHA256" if d["sender"] == "twilio_shared_key" else None
        signature = RequestValidator(d["secret"]).compute_signature(
            urljoin(d["url"], d["uri"]), fields(d), algorithm(told)
        )
        return {"x-twilio-signature": signature, **({settings: told} if told else {})}

    return verify, sign


adapter("twilio", "twilio")(of_twilio)
adapter("twilio_shared_key", "twilio")(of_twilio)


@adapter("sendgrid", "sendgrid")
def _():
    from sendgrid import EventWebhook

    return lambda d: EventWebhook(d["secret"]).verify_signature(
        d["body"],
        d["h"]["x-twilio-email-event-webhook-signature"],
        d["h"]["x-twilio-email-event-webhook-timestamp"],
    )


# The library that Stark Bank's SDKs verify with.
@adapter("stark_bank", "starkbank-ecdsa")
def _():
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )
    from ellipticcurve import Ecdsa, PrivateKey, PublicKey, Signature

    def verify(d):
        signature = Signature.fromBase64(d["h"]["digital-signature"])
        pem = f"-----BEGIN PUBLIC KEY-----\n{d['secret']}\n-----END PUBLIC KEY-----\n"
        return Ecdsa.verify(d["body"], signature, PublicKey.fromPem(pem))

    def sign(d):
        key = load_pem_private_key(d["private"].encode(), None)
        sec1 = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
        return {"digital-signature": Ecdsa.sign(d["body"], PrivateKey.fromPem(sec1)).toBase64()}

    return verify, sign


@adapter("telnyx", "telnyx")
def _():
    from telnyx.lib.webhook_verification import verify_webhook_signature

    return lambda d: verify_webhook_signature(d["body"], d["h"], d["secret"])


@adapter("viber", "viberbot")
def _():
    from viberbot import Api, BotConfiguration

    def verify(d):
        bot = Api(BotConfiguration(auth_token=d["secret"], name="bot", avatar=""))
        return bot.verify_signature(d["body"].encode(), d["h"]["x-viber-content-signature"])

    return verify


# The token, and the hash in it that Vonage's documentation has compared.
@adapter("vonage", "vonage-jwt")
def _():
    import jwt
    from vonage_jwt import verify_signature

    def verify(d):
        token = d["h"]["authorization"].removeprefix("Bearer ")
        claims = jwt.decode(token, options={"verify_signature": False})
        digest = hashlib.sha256(d["body"].encode()).hexdigest()
        return verify_signature(token, d["secret"]) and claims["payload_hash"] == digest

    return verify


@adapter("workos", "workos")
def _():
    from workos import WorkOSClient

    webhooks = WorkOSClient(api_key="sk_none", client_id="client_none").webhooks
    return lambda d: webhooks.verify_header(
        event_body=d["body"].encode(), event_signature=d["h"]["workos-signature"], secret=d["secret"]
    )


def answer(question):
    task = question.pop("task")
    if task == "list":
        sdks = [(sender, name, number, sign is not None) for sender, (name, number, _, sign) in KNOWN.items()]
        return {"sdks": sdks, "failed": FAILED}
    _, _, verify, sign = KNOWN[question["sender"]]
    if task == "sign":
        signed = sign(question)
        body = signed.pop("body", question["body"])
        return {"signed": {"body": body, "headers": list(signed.items())}}
    question["h"] = CaseInsensitiveDict(question["headers"])
    try:
        return {"refused": "False"} if verify(question) is False else "accepted"
    except Exception as error:
        return {"refused": (str(error) or type(error).__name__).split("\n")[0]}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)

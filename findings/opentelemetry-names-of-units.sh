#!/usr/bin/env bash
# One histogram and one counter with units, through OpenTelemetry's Prometheus exporters of two languages.
#
# Guess: both follow one specification of names, so that a dashboard over services in both needs one query.
# Seen:  Python adds the unit to the name and JavaScript does not: `webhook_duration_seconds` and `webhook_duration`,
#        `webhook_body_size_bytes_total` and `webhook_body_size_total`. A sum over one name leaves the
#        other language's services out, and nothing says so.
# Versions: @opentelemetry/exporter-prometheus 0.223.0 and @opentelemetry/sdk-metrics 2.12.1 (npm),
#           opentelemetry-exporter-prometheus 0.66b2 and opentelemetry-sdk 1.45.2 (PyPI), Node.js 20, Python 3.
# Source: https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/, "Metric
#         Metadata"; https://github.com/open-telemetry/opentelemetry-js/issues/3466 (closed).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @opentelemetry/exporter-prometheus@0.223.0 \
    @opentelemetry/sdk-metrics@2.12.1
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'opentelemetry-exporter-prometheus==0.66b2' \
    'opentelemetry-sdk==1.45.2'

cat > run.mjs <<'NODE'
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';

const reader = new PrometheusExporter({ preventServerStart: true });
const meter = new MeterProvider({ readers: [reader] }).getMeter('receiver');
meter.createHistogram('webhook.duration', { unit: 's' }).record(0.1);
meter.createCounter('webhook.body.size', { unit: 'By' }).add(100);
meter.createCounter('webhook.deliveries', { unit: '{delivery}' }).add(1);
const { resourceMetrics } = await reader.collect();
console.log(new PrometheusSerializer().serialize(resourceMetrics));
NODE
cat > run.py <<'PYTHON'
import re
import subprocess
import sys

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import generate_latest

meter = MeterProvider(metric_readers=[PrometheusMetricReader()]).get_meter("receiver")
meter.create_histogram("webhook.duration", unit="s").record(0.1)
meter.create_counter("webhook.body.size", unit="By").add(100)
meter.create_counter("webhook.deliveries", unit="{delivery}").add(1)


def names(text):
    return sorted(re.findall(r"^# TYPE (webhook\S*)", text, re.MULTILINE))


python = names(generate_latest().decode())
node = names(subprocess.check_output(["node", "run.mjs"], text=True))
print("PyPI:", python)
print("npm: ", node)
same = "webhook_deliveries_total"
expected = ["webhook_body_size_bytes_total", same, "webhook_duration_seconds"]
sys.exit(1 if python != expected or node != ["webhook_body_size_total", same, "webhook_duration"] else 0)
PYTHON
venv/bin/python run.py

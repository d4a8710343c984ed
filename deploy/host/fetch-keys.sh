#!/bin/bash
# Puts the keys where the service reads them: in memory, readable by it alone. Runs as root before each start.
set -euo pipefail
umask 077
metadata() { curl -sSf --retry 5 --max-time 10 -H 'Metadata-Flavor: Google' "http://metadata.google.internal/computeMetadata/v1/$1"; }

version=$(metadata instance/attributes/keys-version)
token=$(metadata instance/service-accounts/default/token | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')
# The token goes by standard input: arguments are seen by every process.
printf 'header = "Authorization: Bearer %s"\n' "$token" |
  curl -sSf --retry 5 --max-time 10 --config - "https://secretmanager.googleapis.com/v1/$version:access" |
  python3 -c 'import base64, json, sys; sys.stdout.buffer.write(base64.b64decode(json.load(sys.stdin)["payload"]["data"]))' \
    > /run/cticontrol/keys.new
chown cticontrol:cticontrol /run/cticontrol/keys.new
chmod 0400 /run/cticontrol/keys.new
mv /run/cticontrol/keys.new /run/cticontrol/keys.json

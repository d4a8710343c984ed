#!/bin/bash
# Makes a Debian 12 machine the telephony host, at every boot; what is there already stays. Metadata says which release.
set -euo pipefail
umask 022
export DEBIAN_FRONTEND=noninteractive
metadata() { curl -sSf --retry 5 --max-time 10 -H 'Metadata-Flavor: Google' "http://metadata.google.internal/computeMetadata/v1/$1"; }

bucket=$(metadata instance/attributes/releases-bucket)
release=$(metadata instance/attributes/release)
digest=$(metadata instance/attributes/release-sha256)
addon_url=$(metadata instance/attributes/addon-url)
phone_host=$(metadata instance/attributes/phone-host)
pbx_networks=$(metadata instance/attributes/pbx-networks)
inside=$(metadata instance/network-interfaces/0/ip)
outside=$(metadata instance/network-interfaces/0/access-configs/0/external-ip)

for name in "$release" "$digest" "$phone_host"; do
  [[ $name =~ ^[A-Za-z0-9._-]+$ ]] || { echo "metadata is not filled in: run deploy/apply" >&2; exit 1; }
done

install_packages() {
  apt-get -q -o DPkg::Lock::Timeout=300 update
  apt-get -qy -o DPkg::Lock::Timeout=300 install --no-install-recommends \
    caddy curl nftables python3-venv unattended-upgrades
}

mount_data() {
  local disk=/dev/disk/by-id/google-data
  mkdir -p /var/lib/cticontrol
  blkid "$disk" > /dev/null || mkfs.ext4 -q -m 0 "$disk"
  grep -q ' /var/lib/cticontrol ' /etc/fstab ||
    echo "$disk /var/lib/cticontrol ext4 defaults,nodev,nosuid,noexec 0 2" >> /etc/fstab
  mountpoint -q /var/lib/cticontrol || mount /var/lib/cticontrol
  chown cticontrol:cticontrol /var/lib/cticontrol
  chmod 0700 /var/lib/cticontrol
}

unpack_release() {
  local home=/opt/cticontrol/$digest file token
  [[ -e $home/.complete ]] && return
  rm -rf "$home"
  mkdir -p "$home"
  file=$(mktemp)
  token=$(metadata instance/service-accounts/default/token | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')
  printf 'header = "Authorization: Bearer %s"\n' "$token" |
    curl -sSf --retry 5 --max-time 120 --config - -o "$file" \
      "https://storage.googleapis.com/storage/v1/b/$bucket/o/$release?alt=media"
  echo "$digest  $file" | sha256sum --check --quiet
  tar -xzf "$file" -C "$home" --no-same-owner
  rm -f "$file"
  python3 -m venv "$home/.venv"
  "$home/.venv/bin/pip" install -q --disable-pip-version-check --only-binary :all: \
    -r "$home/telephony/requirements.txt" -c "$home/host/constraints.txt"
  touch "$home/.complete"
}

write_settings() {
  local here=/opt/cticontrol/$digest/host
  mkdir -p /etc/cticontrol
  cat > /etc/cticontrol/telephony.env << END
TELEPHONY_PORT=8082
BIND=$inside
ADDON_URL=$addon_url
ALLOWED_ORIGIN=$addon_url
ADVERTISED_IP=$outside
DATA_DIR=/var/lib/cticontrol/data
KEYS_FILE=/run/cticontrol/keys.json
PBX_NETWORKS=$pbx_networks
METRICS_PORT=9102
LOG_FORMAT=json
PYTHONUNBUFFERED=1
END
  sed -e "s/@PHONE_HOST@/$phone_host/" -e "s/@BACKEND@/$inside:8082/" "$here/Caddyfile" > /etc/caddy/Caddyfile
  install -m 0644 "$here/nftables.conf" /etc/nftables.conf
  install -m 0644 "$here/sysctl.conf" /etc/sysctl.d/60-cticontrol.conf
  install -m 0644 "$here/auto-upgrades.conf" /etc/apt/apt.conf.d/60cticontrol
  install -m 0644 "$here/telephony.service" /etc/systemd/system/telephony.service
}

start_all() {
  sysctl -q --system
  nft --check --file /etc/nftables.conf
  systemctl daemon-reload
  systemctl enable -q nftables caddy telephony unattended-upgrades
  systemctl restart nftables
  systemctl reload-or-restart caddy
  if [[ $(readlink /opt/cticontrol/current || true) != "/opt/cticontrol/$digest" ]]; then
    ln -sfn "/opt/cticontrol/$digest" /opt/cticontrol/current
    systemctl restart telephony
  fi
  systemctl start telephony
}

install_packages
id cticontrol > /dev/null 2>&1 ||
  useradd --system --home-dir /var/lib/cticontrol --no-create-home --shell /usr/sbin/nologin cticontrol
mount_data
unpack_release
write_settings
start_all

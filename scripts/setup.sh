#!/usr/bin/env bash
# Installs the system packages that the race detector, the fault lab, the test with
# a real systemd and the tests against real package managers and Prometheus need, and
# only those that are missing. Debian and Ubuntu; elsewhere it says what to install.
# Quiet and quick when nothing is missing.
# Usage: setup.sh [browser|peers]   also what the page's tests or the benchmarks need
set -euo pipefail

# program:package
needed=(gcc:gcc git:git nft:nftables iptables:iptables ip:iproute2 tcpdump:tcpdump mmdebstrap:mmdebstrap systemd-nspawn:systemd-container
	dnf:dnf createrepo_c:createrepo-c zypper:zypper
	prometheus:prometheus prometheus-node-exporter:prometheus-node-exporter)
case "${1:-}" in
browser) needed+=(chromium:chromium) ;;
peers) needed+=(prometheus-blackbox-exporter:prometheus-blackbox-exporter) ;;
esac

missing=()
for n in "${needed[@]}"; do
	PATH="$PATH:/usr/sbin:/sbin" command -v "${n%%:*}" >/dev/null || missing+=("${n##*:}")
done
# dnf is asked through Debian's own Python. Never add dnf-plugins-core: it breaks
# zypper, and apt removes the one for the other.
[ -e /usr/lib/python3/dist-packages/dnf/__init__.py ] || missing+=(python3-dnf)
# Without a font the browser draws boxes.
[ "${1:-}" != browser ] || [ -d /usr/share/fonts/truetype/dejavu ] || missing+=(fonts-dejavu-core)
[ -e /usr/share/zoneinfo/America/New_York ] || missing+=(tzdata)
# The race detector links against libc's headers; TLS needs the roots.
[ -e /usr/include/stdio.h ] || missing+=(libc6-dev)
[ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] || missing+=(ca-certificates)
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
	echo "install these first: ${missing[*]}" >&2
	exit 1
fi
sudo=()
[ "$(id -u)" -eq 0 ] || sudo=(sudo)
export DEBIAN_FRONTEND=noninteractive
# Their services are not to start here (invoke-rc.d(8), policy-rc.d).
if [ ! -e /usr/sbin/policy-rc.d ]; then
	printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee /usr/sbin/policy-rc.d >/dev/null
	"${sudo[@]}" chmod 755 /usr/sbin/policy-rc.d
	trap '"${sudo[@]}" rm -f /usr/sbin/policy-rc.d' EXIT
fi
apt=("${sudo[@]}" apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
# A fresh image has no package lists.
if ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then
	"${apt[@]}" update -q
fi
"${apt[@]}" install -q -y --no-install-recommends "${missing[@]}" </dev/null

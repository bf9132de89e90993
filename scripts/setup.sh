#!/usr/bin/env bash
# Installs the system packages that the race detector, the fault lab and the test
# with a real systemd need,
# and only those that are missing. Debian and Ubuntu; elsewhere it says what to
# install. Quiet and quick when nothing is missing.
set -euo pipefail

# program:package
needed=(gcc:gcc git:git nft:nftables iptables:iptables ip:iproute2 tcpdump:tcpdump mmdebstrap:mmdebstrap systemd-nspawn:systemd-container)

missing=()
for n in "${needed[@]}"; do
	PATH="$PATH:/usr/sbin:/sbin" command -v "${n%%:*}" >/dev/null || missing+=("${n##*:}")
done
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
apt=("${sudo[@]}" apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
# A fresh image has no package lists.
if ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then
	"${apt[@]}" update -q
fi
"${apt[@]}" install -q -y --no-install-recommends "${missing[@]}" </dev/null

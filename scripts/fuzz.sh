#!/usr/bin/env bash
# Runs every fuzz target that `go test` lists, SECONDS in all shared among them.
# Usage: fuzz.sh SECONDS
set -euo pipefail
total=${1:?seconds in all}

# `go test -list` prints the names of a package's targets, then its "ok" line.
listing=$(go test -list '^Fuzz' ./...) || { echo "$listing" >&2; exit 1; }
mapfile -t targets < <(awk '/^Fuzz/ { names[n++] = $1 } /^ok/ { for (i = 0; i < n; i++) print $2, names[i]; n = 0 }' <<<"$listing")
if [ ${#targets[@]} -eq 0 ]; then
	echo "no fuzz targets" >&2
	exit 1
fi
each=$((total / ${#targets[@]}))
[ "$each" -ge 2 ] || each=2

log=$(mktemp)
trap 'rm -f "$log"' EXIT
run() { go test "$1" -run '^$' -fuzz "^$2\$" -fuzztime "${each}s" >"$log" 2>&1; }

for t in "${targets[@]}"; do
	read -r package name <<<"$t"
	if ! run "$package" "$name"; then
		# Go reports a worker that is still busy at the end as "context deadline
		# exceeded" (golang/go#75804, fixed in Go 1.27); a real finding writes its
		# input.
		if grep -q 'Failing input written' "$log" || ! grep -q 'context deadline exceeded' "$log" || ! run "$package" "$name"; then
			cat "$log"
			exit 1
		fi
	fi
	echo "=== FUZZ  $name for ${each}s"
	grep -v '^fuzz: elapsed' "$log"
done

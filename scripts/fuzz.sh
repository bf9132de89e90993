#!/usr/bin/env bash
# Runs every fuzz target for its share of SECONDS, the building included, as many
# at the same time as there are cores. All seeds run first, whatever the share.
# Usage: fuzz.sh SECONDS
set -euo pipefail
total=${1:?seconds in all}
cores=$(nproc)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Minimizing what is merely new would take all of so short a share.
once() {
	"$3" -test.run "^$4\$" -test.fuzz "^$4\$" -test.fuzztime "${share}ms" -test.fuzzcachedir "$corpus/$1" \
		-test.fuzzminimizetime 10x -test.parallel 1 >"$work/$4.log" 2>&1
}

fuzz() { # PACKAGE FOLDER BINARY TARGET
	cd "$2"
	mkdir -p "$corpus/$1"
	if ! once "$@"; then
		# Go reports a worker that is still busy at the end as "context deadline
		# exceeded" (golang/go#75804, fixed in Go 1.27); a real finding writes its
		# input.
		if grep -q 'Failing input written' "$work/$4.log" || ! grep -q 'context deadline exceeded' "$work/$4.log" || ! once "$@"; then
			cat "$work/$4.log"
			exit 1
		fi
	fi
	echo "=== FUZZ  $4 $(sed -n 's/^fuzz: elapsed: [^,]*, //p' "$work/$4.log" | tail -1)"
}
export work
export -f once fuzz

files='{{$p := .}}{{range .TestGoFiles}}{{$p.ImportPath}} {{$p.Dir}} {{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$p.ImportPath}} {{$p.Dir}} {{.}}{{"\n"}}{{end}}'
go list -f "$files" ./... >"$work/files"
while read -r package dir file; do
	! grep -q '^func Fuzz' "$dir/$file" || echo "$package $dir"
done <"$work/files" | sort -u >"$work/packages"
if [ ! -s "$work/packages" ]; then
	echo "no fuzz targets" >&2
	exit 1
fi
# One binary for each package: a start of `go test` for each target would cost more
# than its share. Only our own packages are instrumented, and so the others come out
# of the build cache.
cut -d ' ' -f 1 "$work/packages" | xargs go test -c -gcflags="$(go list -m)/...=-d=libfuzzer" -o "$work/"
while read -r package dir; do
	binary="$work/${package##*/}.test"
	"$binary" -test.list '^Fuzz' | sed "s|^|$package $dir $binary |"
done <"$work/packages" >"$work/targets"
targets=$(wc -l <"$work/targets")

# Each start, with its worker and the seeds, takes about half a second more.
share=$(((total - SECONDS) * 1000 * cores / targets - 400))
share=$((share > 500 ? share : 500))
# What earlier runs found takes longer to go through than a short share lasts.
corpus=$work/corpus
[ "$share" -lt 5000 ] || corpus=$(go env GOCACHE)/fuzz
export share corpus
# All run even if one fails; xargs then ends with 123.
xargs -P "$cores" -L 1 bash -euo pipefail -c 'fuzz "$@"' _ <"$work/targets"
echo "fuzz: $targets targets, $share ms each, $SECONDS s in all"

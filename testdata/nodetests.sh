#!/usr/bin/env bash
# Fetches onnx's backend test data (1,765 node tests; Apache-2.0) into the folder
# named by the first argument, through pip, by exact version and SHA-256. Only
# tests need it. onnx 1.22.0 is the last release whose package carries the files.
set -euo pipefail
dest=${1:?usage: nodetests.sh FOLDER}
want=1d0a2bdb15eb2b3cb65c438f3423d9620d14fdce32f92380e6bb1b2e09568ef5
[ -e "$dest/.complete" ] && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The data is the same for every machine, so one wheel serves all of them.
python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.11 --implementation cp \
	--platform manylinux_2_28_x86_64 -d "$work" onnx==1.22.0
wheel=$(echo "$work"/onnx-1.22.0-*.whl)
echo "$want  $wheel" | sha256sum -c --quiet
python3 -m zipfile -e "$wheel" "$work/x"
rm -rf "$dest"
mkdir -p "$(dirname "$dest")"
mv "$work/x/onnx/backend/test/data" "$dest"
touch "$dest/.complete"

# aat-onnx: two commands matter to a user, `make quickstart` and `make test`.

BIN      := bin/aat-onnx
BACKEND  ?= auto
TESTDATA := testdata
PKGS     ?= ./...
NODES    := $(CURDIR)/.cache/onnx-1.22.0
CORPUS   := $(CURDIR)/corpus
GEN      := testdata/gen/corpus

# An interpreter with testdata/gen/corpus/requirements.txt; made if not named.
AAT_CORPUS_PYTHON ?= $(CURDIR)/.cache/corpus-venv/bin/python

.PHONY: build quickstart test runtimes nodetests corpus conformance surgery-score import-score kinds-score bench-surgery bench-train bench-onnxgo surgery lint clean

build:
	go build -trimpath -buildvcs=false -o $(BIN) ./cmd/aat-onnx

# Builds the program, fetches the XLA CPU plugin and ONNX Runtime (each by exact
# version and SHA-256, through pip), then runs the whole job on shipped audio.
# BACKEND=go runs it without XLA.
quickstart: build
	$(BIN) quickstart --testdata $(TESTDATA) --backend $(BACKEND) -o quickstart --force

# Both runtimes the tests compare against. Here, other than in quickstart, a
# missing one is an error: a test that cannot run must fail.
runtimes: build
	$(BIN) backend install cpu
	$(BIN) backend install onnxruntime

# The ONNX project's own test models, through pip (17 MB).
nodetests:
	testdata/nodetests.sh $(NODES)

# The detection corpus: hundreds of exports of small networks with the truth about
# their blocks (an hour or more on two cores). Nothing else needs it.
corpus: $(AAT_CORPUS_PYTHON)
	$(AAT_CORPUS_PYTHON) $(GEN)/main.py --out $(CORPUS)

$(CURDIR)/.cache/corpus-venv/bin/python:
	python3 -m venv $(CURDIR)/.cache/corpus-venv
	$@ -m pip install --quiet -r $(GEN)/requirements.txt

# Detection, round trip, Verify and inference in one report.
surgery-score: nodetests
	go run ./internal/surgeryscore -corpus $(CORPUS) -nodes $(NODES) -o docs/surgery-scores.md

# Every bar of the importer: onnx's own tests on both backends, gradients, onnx-go's
# cases on ours and on its own back end, and the sections that further targets leave in
# CONFORMANCE_PARTS as NN-name.md.
CONFORMANCE_PARTS := $(CURDIR)/.cache/conformance
conformance: runtimes nodetests
	mkdir -p $(CONFORMANCE_PARTS)
	AAT_ONNX_TEST_BACKENDS=go,xla:cpu go test -count=1 -timeout 30m -v -run Gradients ./importer > $(CONFORMANCE_PARTS)/gradients.txt || (grep -- '--- FAIL' -A3 $(CONFORMANCE_PARTS)/gradients.txt; exit 1)
	go run ./importer/onnxgo/internal/scoredoc -o $(CONFORMANCE_PARTS)/30-onnx-go.md
	go run ./internal/conformancedoc -nodes $(NODES) -program $(BIN) -gradients $(CONFORMANCE_PARTS)/gradients.txt -parts $(CONFORMANCE_PARTS) -o docs/conformance.md

# Every export of the corpus through the importer: results against ONNX Runtime,
# gradients against PyTorch. On the Go backend it takes two minutes, on XLA hours.
import-score: runtimes
	go run ./internal/importscore -corpus $(CORPUS) -backend go -o docs/import-scores.md

# Every kind of adapter on the exports that issue 6 names, in one table; KINDS_ONLY= and
# KINDS_VARIANTS= (empty) take the whole corpus, for hours.
KINDS_ONLY ?= ast,ast-sdpa,clap,clap-fused,vit,wav2vec2,whisper
KINDS_VARIANTS ?= ts17,dynamo
kinds-score: runtimes
	go run ./internal/kindscore -corpus $(CORPUS) -only "$(KINDS_ONLY)" -variants "$(KINDS_VARIANTS)" -gradients xla:cpu -o docs/adapter-scores.md

test: runtimes nodetests
	go vet $(PKGS)
	AAT_ONNX_TEST_BACKENDS=go,xla:cpu AAT_ONNX_TEST_XLA=1 AAT_ONNX_TEST_ORT=1 AAT_ONNX_TEST_NODES=$(NODES) \
		go test -timeout 15m $(PKGS)

# Time and memory of loading, detecting and saving the full-size AST, which
# testdata/gen/bench_ast.py writes, against Python's libraries. BENCH_DIR on a disk
# adds the wait for it to our figures, not to theirs.
BENCH_DIR ?= /dev/shm
bench-surgery:
	go run ./internal/surgerybench -model "$(AAT_BENCH_MODEL)" -dir $(BENCH_DIR) -rounds 7 -python "$(AAT_BENCH_PYTHON)"

# AAT training steps of the full-size AST, ours and PyTorch's in turn, at two lengths
# of clip. AAT_BENCH_PYTHON has testdata/gen/requirements.txt; files go to BENCH_DIR.
bench-train: build
	test -f $(BENCH_DIR)/ast-128x4.onnx || "$(AAT_BENCH_PYTHON)" testdata/gen/bench_ast.py $(BENCH_DIR)/ast-128x4.onnx --frames 128 --batch 4
	test -f $(BENCH_DIR)/ast-1024x1.onnx || "$(AAT_BENCH_PYTHON)" testdata/gen/bench_ast.py $(BENCH_DIR)/ast-1024x1.onnx
	$(BIN) bench $(BENCH_DIR)/ast-128x4.onnx --backend xla:cpu --peer "$(AAT_BENCH_PYTHON) testdata/gen/bench_train.py"
	$(BIN) bench $(BENCH_DIR)/ast-1024x1.onnx --backend xla:cpu --peer "$(AAT_BENCH_PYTHON) testdata/gen/bench_train.py"

# Models that onnx-go decodes, here and on its own back end in turn.
bench-onnxgo: build
	$(BIN) backend install cpu
	go run ./importer/onnxgo/internal/bench

# Every bar of docs/surgery.md in one run; needs make corpus, and AAT_BENCH_MODEL for
# the last part.
SURGERY_BARS := TestNoOpRoundTrip|TestRoundTrip|TestAgreesWithChecker|TestNodeTests|TestMutants|TestInferNodeTests|TestInferExports|TestMaliciousFiles|TestExternal|TestMemoryOfLoadAndSave|TestExchange
surgery: surgery-score
	AAT_ONNX_TEST_NODES=$(NODES) go test -count=1 -v -run '$(SURGERY_BARS)' ./graphsurgery ./internal/safefile | grep -v '^=== \|^    --- PASS'
	$(MAKE) bench-surgery

# Needs the tools of docs/developing.md; CI users run it by hand.
lint:
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run
	go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

clean:
	rm -rf bin quickstart

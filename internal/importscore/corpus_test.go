package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/aat-onnx/aat-onnx/internal/pjrt"
)

const committed = "../../testdata/corpus"

// TestMain lets the child in that tries an XLA plugin before it is used.
func TestMain(m *testing.M) {
	pjrt.MaybeRunProbe()
	os.Exit(m.Run())
}

// TestCommittedCorpus: every committed export agrees with ONNX Runtime, and its
// gradients with PyTorch's, on the Go backend; every eighth family, and all in half
// precision, which that backend refuses, on XLA. Both runtimes are there in make test.
func TestCommittedCorpus(t *testing.T) {
	if os.Getenv("AAT_ONNX_TEST_ORT") == "" {
		return // nothing to compare with
	}
	paths, err := filepath.Glob(filepath.Join(committed, "*", "torch.npz"))
	if err != nil || len(paths) < 80 {
		t.Fatalf("%d families in %s, want at least 80 (%v)", len(paths), committed, err)
	}
	compared := 0
	for i, path := range paths {
		family := filepath.Base(filepath.Dir(path))
		for _, s := range measured(t, family, "go") {
			if !s.Half && !s.right() {
				t.Errorf("Go backend: %s", s.line())
			}
			compared += s.Gradients.Compared
			if os.Getenv("AAT_ONNX_TEST_XLA") == "" || !s.Half && i%8 != 0 {
				continue
			}
			for _, x := range measured(t, family, "xla:cpu") {
				if !x.right() {
					t.Errorf("XLA: %s", x.line())
				}
			}
		}
	}
	if compared < 1400 {
		t.Errorf("the gradients of %d parameters were compared, want at least 1400", compared)
	}
}

// measured scores a family in this process.
func measured(t *testing.T, family, backend string) []score {
	t.Helper()
	var out bytes.Buffer
	if err := measureFamily(options{corpus: committed, backend: backend, child: family, gradients: true}, &out); err != nil {
		t.Fatalf("%s: %v", family, err)
	}
	var scores []score
	for dec := json.NewDecoder(&out); ; {
		var s score
		if err := dec.Decode(&s); errors.Is(err, io.EOF) {
			return scores
		} else if err != nil {
			t.Fatal(err)
		}
		scores = append(scores, s)
	}
}

package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/aat-onnx/aat-onnx/adapterinject/kinds"
	"github.com/aat-onnx/aat-onnx/internal/exportcorpus"
	"github.com/aat-onnx/aat-onnx/internal/pjrt"
)

// TestMain lets the child in that tries an XLA plugin before it is used.
func TestMain(m *testing.M) {
	pjrt.MaybeRunProbe()
	os.Exit(m.Run())
}

// pending are promises that are not held yet, and why.
var pending = map[string]string{
	"wav2vec2 prompt diff":      "diff takes the shape operator that the prompt adds for the base's, which reads the joined tokens now",
	"wav2vec2 prompt-deep diff": "diff takes the shape operator that the prompt adds for the base's, which reads the joined tokens now",
	"ast-sdpa conformer ort":    "where norms are spelled out, ONNX Runtime fuses the residual addition with the module's norm and no more with the block's",
}

// TestCommittedCorpus holds every kind, whichever there are, to every promise on the
// committed exports of the networks that issue 6 names, from both exporters, one in half
// precision and one whose operators are fused. ONNX Runtime is there in make test.
func TestCommittedCorpus(t *testing.T) {
	o := options{corpus: "../../testdata/corpus", ort: os.Getenv("AAT_ONNX_TEST_ORT") != ""}
	for _, family := range []string{"ast", "ast-sdpa", "clap", "vit", "wav2vec2", "whisper"} {
		t.Run(family, func(t *testing.T) {
			o.child = family
			var out bytes.Buffer
			if err := measureFamily(o, &out); err != nil {
				t.Fatal(err)
			}
			scores, err := exportcorpus.Decode[score](&out)
			if err != nil || len(scores) != len(kinds.All()) {
				t.Fatalf("%d scores, want %d of one export (%v)", len(scores), len(kinds.All()), err)
			}
			for _, s := range scores {
				for name, why := range s.Failed {
					if pending[family+" "+s.Method+" "+name] != "" {
						continue
					}
					t.Errorf("%s, %s: %s", s.Method, name, why)
				}
				if s.Refused != "" && s.Method != "head" && !strings.HasPrefix(s.Method, "prompt") {
					t.Errorf("%s is refused: %s", s.Method, s.Refused)
				}
				// Our binding runs models whose results are in half precision only if these have
				// fixed sizes.
				if o.ort && !s.ORT && family != "whisper" && s.Refused == "" && changesFromTheStart[s.Method] == "" {
					t.Errorf("%s was not compared in ONNX Runtime", s.Method)
				}
			}
		})
	}
}

package adapterinject_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aat-onnx/aat-onnx/adapterinject"
	"github.com/aat-onnx/aat-onnx/adapterinject/internal/nets"
)

// TestPart: the columns of packed projections, for two heads of four channels.
func TestPart(t *testing.T) {
	run := func(starts ...int) []int {
		var out []int
		for _, s := range starts {
			out = append(out, s, s+1, s+2, s+3)
		}
		return out
	}
	tests := []struct {
		name  string
		s     nets.Spelling
		parts map[adapterinject.LayerName][]int
	}{
		{"separate", nets.Spelling{}, map[adapterinject.LayerName][]int{"q": nil, "k": nil, "v": nil}},
		{"by part, Gather", nets.Spelling{QKV: "gather"}, map[adapterinject.LayerName][]int{"q": run(0, 4), "k": run(8, 12), "v": run(16, 20)}},
		{"by part, Split of a Gemm", nets.Spelling{QKV: "split", Linear: "gemm"}, map[adapterinject.LayerName][]int{"q": run(0, 4), "k": run(8, 12), "v": run(16, 20)}},
		{"by head, Slice", nets.Spelling{QKV: "interleaved"}, map[adapterinject.LayerName][]int{"q": run(0, 12), "k": run(4, 16), "v": run(8, 20)}},
		{"by head, Gather", nets.Spelling{QKV: "by head"}, map[adapterinject.LayerName][]int{"q": run(0, 12), "k": run(4, 16), "v": run(8, 20)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			blocks, report := adapterinject.Find(nets.Classifier(t, 17, 8, 1, 3, true, test.s))
			if len(blocks) != 1 {
				t.Fatalf("%d blocks\n%s", len(blocks), report)
			}
			for name, want := range test.parts {
				p, err := blocks[0].Part(name)
				if err != nil {
					t.Error(err)
					continue
				}
				if d := cmp.Diff(want, p.Columns); d != "" || p.OutDim() != 8 {
					t.Errorf("%s has %d columns (-want +got):\n%s", name, p.OutDim(), d)
				}
			}
		})
	}
}

// TestPartCorpus: the projections in models as exporters and optimisers wrote them.
func TestPartCorpus(t *testing.T) {
	tests := []struct {
		file string
		want string // parts found in each block
	}{
		{"ast/ort2", "q k v o fc1 fc2"},
		{"clap/dynamo23", "q k v o fc1 fc2"},
		{"plain-multiquery/dynamo", "q k v o fc1 fc2"},
		{"plain-transposed/ts17", "q k v o fc1 fc2"},
		{"plain-einsum/ortopt", "q k v o fc1 fc2"},
		{"plain-geglu/dynamo23", "q k v o fc1 gate fc2"},
	}
	for _, test := range tests {
		blocks, report := adapterinject.Find(load(t, "../testdata/corpus/"+test.file+".onnx"))
		if len(blocks) == 0 {
			t.Errorf("%s: no block\n%s", test.file, report)
		}
		for _, b := range blocks {
			var got []string
			for _, name := range []adapterinject.LayerName{"q", "k", "v", "o", "fc1", "gate", "fc2"} {
				if p, err := b.Part(name); err == nil && p.Layer.Tunable() == nil && p.OutDim() > 0 {
					got = append(got, string(name))
				}
			}
			if s := strings.Join(got, " "); s != test.want {
				t.Errorf("%s, block %d: parts %q, want %q", test.file, b.Index, s, test.want)
			}
		}
	}
}

package graphsurgery

import (
	"bytes"
	"os"
	"testing"
	"time"
)

// FuzzInfer: whatever parses is inferred, strictly or not, without a panic, in less than
// a second, and twice the same.
func FuzzInfer(f *testing.F) {
	f.Add(encode(f, chain()))
	f.Add(encode(f, withIf()))
	for _, name := range []string{"../testdata/small/mlp.onnx", "../testdata/small/waveform.onnx", "testdata/infer_shapes.onnx"} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(bytes.Clone(data))
		if err != nil {
			return
		}
		start := time.Now()
		types, err := m.Infer()
		if err != nil {
			t.Fatalf("lenient inference gives an error: %v", err)
		}
		_, strict := m.InferWith(InferOptions{Strict: true})
		if d := time.Since(start); d > 2*time.Second {
			t.Fatalf("two inferences took %v", d)
		}
		if (strict != nil) != (len(types.Problems()) > 0) {
			t.Fatalf("strict gives %v, lenient found %v", strict, types.Problems())
		}
		again, _ := m.Infer()
		m.walk(func(g *Graph) {
			for _, v := range g.values {
				if a, b := types.Of(v).String(), again.Of(v).String(); a != b {
					t.Fatalf("%q is %s, then %s", v.name, a, b)
				}
				types.Ints(v)
			}
		})
	})
}

package graphsurgery

import (
	"testing"
)

// TestInferTinyAST: every value of a real export, TorchScript and dynamo, has a type
// and a complete shape, in the symbols of its input.
func TestInferTinyAST(t *testing.T) {
	for _, c := range []struct{ file, value, want string }{
		{"tinyast-ts17.onnx", "/model/audio_spectrogram_transformer/embeddings/Add_output_0", "float[batch,98,128]"},
		{"tinyast-dynamo.onnx", "logits", ""},
	} {
		m, err := Load("../testdata/tinyast/" + c.file)
		if err != nil {
			t.Fatal(err)
		}
		types, err := m.InferWith(InferOptions{Strict: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range m.Graph.Nodes() {
			for _, v := range n.Outputs() {
				if v != nil && !complete(types.Of(v)) {
					t.Errorf("%s: %s has type %s", c.file, n, types.Of(v))
				}
			}
		}
		if c.want == "" {
			continue
		}
		if got := types.Of(m.Graph.Value(c.value)).String(); got != c.want {
			t.Errorf("%s: %s is %s, want %s", c.file, c.value, got, c.want)
		}
	}
}

// complete reports whether element type and every dimension are known.
func complete(t Type) bool {
	if t.DType == Undefined || t.Shape == nil {
		return false
	}
	for _, d := range t.Shape {
		if d.Value < 0 && d.Param == "" {
			return false
		}
	}
	return true
}

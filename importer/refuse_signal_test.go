package importer_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// TestSignalErrors: what does not fit, or asks for too much, is told with its
// numbers before anything is computed.
func TestSignalErrors(t *testing.T) {
	for _, c := range []struct{ name, inputs, nodes, want string }{
		{"channels", "float[1,3,4] x; float[2,2,3] w", "y = Conv(x, w)", "3 channels in 1 groups do not fit a kernel of shape [2 2 3]"},
		{"too wide", "float[1,1,4] x; float[1,1,7] w", "y = Conv(x, w)", "a kernel that covers 7 elements does not fit axis 2 of size 4"},
		{"huge pads", "float[1,1,4] x; float[1,1,2] w", "y = Conv<pads = [4611686018427387904, 0]>(x, w)", "has more than"},
		{"bias", "float[1,1,4] x; float[1,1,2] w, float[3] b", "y = Conv(x, w, b)", "a bias of shape [3] for 1 channels"},
		{"bad strides", "float[1,1,4] x; float[1,1,2] w", "y = Conv<strides = [0]>(x, w)", "strides [0] for 1 spatial axes"},
		{"transposed", "float[1,2,4] x; float[3,1,2] w", "y = ConvTranspose(x, w)", "2 channels in 1 groups"},
		{"no kernel", "float[1,1,4] x", "y = MaxPool<kernel_shape = [2, 2]>(x)", "kernel_shape [2 2] for 1 spatial axes"},
		{"huge kernel", "float[1,1,9999] x", "y = MaxPool<kernel_shape = [9000]>(x)", "windows of [9000] elements"},
		{"auto_pad", "float[1,1,4] x", `y = MaxPool<kernel_shape = [2], auto_pad = "SOME">(x)`, "auto_pad=SOME of MaxPool is not supported"},
		{"scales", "float[1,4] x; float[1] s = {2.0}", `y = Resize(x, , s)`, "1 scales for 2 axes"},
		{"negative scale", "float[4] x; float[1] s = {-2.0}", `y = Resize(x, , s)`, "scale -2 of axis 0"},
		{"huge size", "float[4] x; int64[1] s = {2000000000}", `y = Resize(x, , , s)`, "elements of Resize are more than"},
		{"mode", "float[4] x; int64[1] s = {2}", `y = Resize<mode = "lanczos">(x, , , s)`, "mode=lanczos of Resize is not supported"},
		{"groups", "float[1,3,4] x; float[3] s, float[3] b", "y = GroupNormalization<num_groups = 2>(x, s, b)", "num_groups=2 for a tensor of shape [1 3 4]"},
		{"pairs", "float[1,4,3] x", "y = DFT(x)", "want one or two numbers along the last axis"},
		{"frames", "float[1,4,1] x; int64 step = {2}, int64 n = {8}", "y = STFT(x, step, , n)", "do not fit a signal of 4"},
		{"step", "float[1,4,1] x; int64 step = {0}, int64 n = {2}", "y = STFT(x, step, , n)", "frames of 2 with a window of 2, 0 apart"},
		{"window", "float[1] x; int64 n = {-3}", "h = HannWindow(n) y = Add(x, h)", "has a negative dimension"},
		{"huge window", "float[1] x; int64 n = {1000000000}", "h = HannWindow(n) y = Add(x, h)", "elements of HannWindow are more than"},
		{"band", "float[1] x; int64 b = {4}, int64 n = {16}, int64 r = {8000}, float l = {0.0}, float h = {9000.0}", "m = MelWeightMatrix(b, n, r, l, h) y = Add(x, m)", "leaves the spectrum"},
		{"blocks", "float[1,4,5] x; int64[2] i = {3, 3}, int64[2] k = {2, 2}", "y = Col2Im(x, i, k)", "5 blocks, want [2 2]"},
		{"grid", "float[1,1,4,4] x; float[1,2,2,3] g", "y = GridSample(x, g)", "a grid of shape [1 2 2 3] does not fit"},
		{"samples", "float[1,1,4,4] x; float[1,4] r, int64[1] at = {0}", "y = RoiAlign(x, r, at)", "sampling_ratio=0 of RoiAlign"},
		{"dropout", "float[4] x; float r = {0.5}, bool on = {1}", "y = Dropout(x, r, on)", "training_mode of Dropout is not supported"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := runText(t, c.inputs, c.nodes)
			var format *graphsurgery.FormatError
			var unsupported *graphsurgery.UnsupportedError
			if !errors.As(err, &format) && !errors.As(err, &unsupported) {
				t.Fatalf("got error %v of type %T", err, err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want %q in it", err, c.want)
			}
		})
	}
}

// runText runs a graph on zeros; constants without values are zeros, too, and fed.
func runText(t *testing.T, declared, nodes string) error {
	t.Helper()
	inputs, rest, _ := strings.Cut(declared, ";")
	var constants []string
	for _, d := range strings.Split(rest, ", ") {
		if strings.Contains(d, "{") || len(constants) > 0 && strings.Contains(constants[len(constants)-1], "{") && !strings.Contains(constants[len(constants)-1], "}") {
			constants = append(constants, d)
		} else if d != "" {
			inputs += ", " + d
		}
	}
	m, err := graphsurgery.ParseText(fmt.Sprintf(`<ir_version: 10, opset_import: ["" : 22]> g (%s) => (y) <%s> { %s }`,
		inputs, strings.Join(constants, ", "), nodes))
	if err != nil {
		t.Fatal(err)
	}
	p, err := importer.Load(m, importer.Options{})
	if err != nil {
		return err
	}
	feeds := make(map[string]*tensors.Tensor)
	for _, in := range p.Inputs() {
		n, dims := 1, []int{}
		for _, d := range in.Shape {
			n *= int(d.Value)
			dims = append(dims, int(d.Value))
		}
		feeds[in.Name] = tensors.FromFlatDataAndDimensions(make([]float32, n), dims...)
	}
	_, err = newRunner(t, p, backend(t, "go")).Run(feeds)
	return err
}

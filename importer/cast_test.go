package importer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
	"github.com/aat-onnx/aat-onnx/importer"
)

// TestCastGradient: a gradient passes through casts between float types.
func TestCastGradient(t *testing.T) {
	p := loadText(t, `<ir_version: 8, opset_import: ["": 19]>
		g (double[3] x, float[3] w) => (double[3] y) {
			f = Cast<to = 1>(x)
			z = Mul(f, w)
			y = CastLike(z, x)
		}`, importer.Options{})
	store := model.NewStore()
	got := run(t, backend(t, "go"), store, func(scope *model.Scope, in []*graph.Node) []*graph.Node {
		y := p.Call(scope, map[string]*graph.Node{"x": in[0], "w": in[1]})
		return graph.Gradient(graph.ReduceAllSum(y[0]), in[0])
	}, []any{tensors.FromValue([]float64{1, 2, 3}), vector(4, 5, 6)})
	if want := []float64{4, 5, 6}; !slices.Equal(flat(t, got[0]), want) {
		t.Errorf("got %v, want %v", flat(t, got[0]), want)
	}
}

// computed are the element types that tensors of a program can have.
var computed = []graphsurgery.DType{
	graphsurgery.Float, graphsurgery.Double, graphsurgery.Float16, graphsurgery.BFloat16,
	graphsurgery.Int8, graphsurgery.Int16, graphsurgery.Int32, graphsurgery.Int64,
	graphsurgery.Uint8, graphsurgery.Uint16, graphsurgery.Uint32, graphsurgery.Uint64, graphsurgery.Bool,
}

// TestCastPairs casts numbers that every type has from each type to each other,
// negative ones among the signed types.
func TestCastPairs(t *testing.T) {
	signed := func(d graphsurgery.DType) bool {
		return d.IsFloat() || d >= graphsurgery.Int16 && d <= graphsurgery.Int64 || d == graphsurgery.Int8
	}
	eachBackend(t, func(t *testing.T, b compute.Backend) {
		castPairs(t, b, []float64{0, 1, 3, 100}, func(graphsurgery.DType) bool { return true })
		castPairs(t, b, []float64{-1, -2, -100, 0}, signed)
	})
}

// castPairs casts x between the types that use has, in one program.
func castPairs(t *testing.T, b compute.Backend, x []float64, use func(graphsurgery.DType) bool) {
	var nodes, outputs strings.Builder
	want := make(map[string][]float64)
	for _, from := range computed {
		half := from == graphsurgery.Float16 || from == graphsurgery.BFloat16
		if !use(from) || half && b.String() == "go" {
			continue
		}
		fmt.Fprintf(&nodes, "x%d = Cast<to = %d>(x) ", from, from)
		for _, to := range computed {
			if half := to == graphsurgery.Float16 || to == graphsurgery.BFloat16; !use(to) || half && b.String() == "go" {
				continue
			}
			fmt.Fprintf(&nodes, "c%d_%d = Cast<to = %d>(x%d) y%d_%d = Cast<to = 11>(c%d_%d) ", from, to, to, from, from, to, from, to)
			fmt.Fprintf(&outputs, ", double[n] y%d_%d", from, to)
			want[fmt.Sprintf("y%d_%d", from, to)] = castValues(x, from == graphsurgery.Bool || to == graphsurgery.Bool)
		}
	}
	p := loadText(t, `<ir_version: 10, opset_import: ["": 21]> g (double[n] x) => (`+outputs.String()[2:]+`) {`+nodes.String()+`}`, importer.Options{})
	got, err := newRunner(t, p, b).Run(map[string]*tensors.Tensor{"x": tensors.FromValue(x)})
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range want {
		if !slices.Equal(flat(t, got[name]), w) {
			t.Errorf("%s: got %v, want %v (types by ONNX's numbers)", name, flat(t, got[name]), w)
		}
	}
}

// castValues is what a cast makes of x, by way of booleans or not.
func castValues(x []float64, bools bool) []float64 {
	out := slices.Clone(x)
	for i, v := range out {
		if bools && v != 0 {
			out[i] = 1
		}
	}
	return out
}

// TestCastRules: integers keep their low bits, floats are cut towards zero, and
// whatever is not zero is true, on the host (a constant) and in the graph alike.
func TestCastRules(t *testing.T) {
	for _, c := range []struct {
		from, to string
		x        string
		number   int
		want     []float64
	}{
		{"int64", "int8", "300, -129, 127", 3, []float64{44, 127, 127}},
		{"int64", "uint8", "300, -1, 255", 2, []float64{44, 255, 255}},
		{"int32", "uint16", "65537, -1", 4, []float64{1, 65535}},
		{"uint8", "int8", "200, 127", 3, []float64{-56, 127}},
		{"float", "int32", "2.7, -2.7, 0.9", 6, []float64{2, -2, 0}},
		{"float", "bool", "0.1, -0.0, 2", 9, []float64{1, 0, 1}},
		{"bool", "float", "1, 0", 1, []float64{1, 0}},
	} {
		n := strings.Count(c.x, ",") + 1
		data := fmt.Sprintf("%s[%d] x = {%s}", c.from, n, c.x)
		for _, text := range []string{
			fmt.Sprintf(`<ir_version: 10, opset_import: ["": 21]> g () => (%s[%d] y) <%s> { y = Cast<to = %d>(x) }`, c.to, n, data, c.number),
			// A default is data once it is fed.
			fmt.Sprintf(`<ir_version: 10, opset_import: ["": 21]> g (%s[%d] x) => (%s[%d] y) <%s> { y = Cast<to = %d>(x) }`, c.from, n, c.to, n, data, c.number),
		} {
			m, err := graphsurgery.ParseText(text)
			if err != nil {
				t.Fatal(err)
			}
			p, err := importer.Load(m, importer.Options{})
			if err != nil {
				t.Fatal(err)
			}
			feed := make(map[string]*tensors.Tensor)
			if m.Graph.Value("x").IsDefault() {
				if feed["x"], err = importer.NewTensor(m.Graph.Initializer("x")); err != nil {
					t.Fatal(err)
				}
			}
			got, err := newRunner(t, p, backend(t, "go")).Run(feed)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(flat(t, got["y"]), c.want) {
				t.Errorf("%s to %s, fed %v: got %v, want %v", c.from, c.to, len(feed) > 0, flat(t, got["y"]), c.want)
			}
		}
	}
}

// TestCast1: the first version names the type.
func TestCast1(t *testing.T) {
	textCase{"", `<ir_version: 3, opset_import: ["": 5]> g (float[3] x) => (int64[3] y) { y = Cast<to = "INT64">(x) }`,
		map[string]*tensors.Tensor{"x": vector(1.5, -1.5, 2)}, []int{3}, []float64{1, -1, 2}}.check(t, importer.Options{})
}

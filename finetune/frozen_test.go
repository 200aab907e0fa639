package finetune

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/aat-onnx/aat-onnx/graphsurgery"
)

// frozenWidth is the width of the deep model: a weight of it is much larger than
// what four recordings make of it.
const frozenWidth = 256

// deepModel is a stack of products with weights "w0", "w1", …, each followed by a
// trainable "a0", "a1", … of one row.
func deepModel(t testing.TB, layers int) *graphsurgery.Model {
	t.Helper()
	var values, nodes strings.Builder
	at := "flat"
	for i := range layers {
		fmt.Fprintf(&values, "float[%d,%d] w%d = {%s}, float[%d] a%d = {%s}, ", frozenWidth, frozenWidth, i, cycled(frozenWidth*frozenWidth),
			frozenWidth, i, cycled(frozenWidth))
		fmt.Fprintf(&nodes, "p%d = MatMul(%s, w%d)\n s%d = Add(p%d, a%d)\n t%d = Tanh(s%d)\n", i, at, i, i, i, i, i, i)
		at = fmt.Sprintf("t%d", i)
	}
	m, err := graphsurgery.ParseText(fmt.Sprintf(`<ir_version: 8, opset_import: ["" : 17]>
g (float[4,8,32] x) => (float[4,%d] logits) <%s float z = {1}> { flat = Flatten(x)
 %s logits = Mul(%s, z) }`, frozenWidth, values.String(), nodes.String(), at))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// cycled is n numbers as a list.
func cycled(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprint(float64(i*7%13-6) / 64)
	}
	return strings.Join(parts, ",")
}

// builtStep is the training program of a model, compiled, with the nodes that its
// outputs need. GoMLX also makes gradients that nobody asked for; no backend computes
// what no output needs.
func builtStep(t testing.TB, b compute.Backend, layers int, trainable func(string) bool) (*graph.Graph, map[*graph.Node]bool) {
	t.Helper()
	m := deepModel(t, layers)
	cfg := Config{BatchSize: 4, Backend: b, Trainable: trainable}.withDefaults()
	p, err := connect(m, 4, 8, 32, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := newEngine(m, p, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.close)
	live := map[*graph.Node]bool{}
	step, err := model.NewExec(b, e.store, func(scope *model.Scope, in []*graph.Node) []*graph.Node {
		out := e.buildStep(scope, in)
		needs(live, out...)
		for _, p := range e.params {
			needs(live, p.value.NodeValue(out[0].Graph()), p.m.NodeValue(out[0].Graph()), p.v.NodeValue(out[0].Graph()))
		}
		return out
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(step.Finalize)
	scalar := shapes.Make(dtypes.Float32)
	g, err := step.Compile(shapes.Make(dtypes.Float32, 4, 8, 32), shapes.Make(dtypes.Int32, 4), shapes.Make(dtypes.Float32, 4), scalar, scalar, scalar)
	if err != nil {
		t.Fatal(err)
	}
	return g, live
}

// needs notes nodes and all that they are computed from.
func needs(live map[*graph.Node]bool, nodes ...*graph.Node) {
	for _, n := range nodes {
		if !live[n] {
			live[n] = true
			needs(live, n.Inputs()...)
		}
	}
}

// TestFrozenHaveNoGradient: the step gives back loss, norm, and values and moments
// of the trainable tensors; nothing but the frozen weights themselves is as large as
// one in the whole program, forward and backward.
func TestFrozenHaveNoGradient(t *testing.T) {
	const layers = 3
	adapters := func(name string) bool { return strings.HasPrefix(name, "a") }
	g, live := builtStep(t, goBackend(t), layers, adapters)
	outputs := g.Executable().Outputs()
	if got, want := len(outputs), 2+3*layers; got != want {
		t.Errorf("the step has %d outputs, want %d", got, want)
	}
	for _, s := range outputs {
		if s.Size() != 1 && !slices.Equal(s.Dimensions, []int{frozenWidth}) {
			t.Errorf("the step has an output of shape %s, want scalars and [%d]", s, frozenWidth)
		}
	}
	if got := weightSized(live); got != layers {
		t.Errorf("%d nodes are as large as a weight, want the %d weights", got, layers)
	}
	// With the weights trainable there are their gradients, and what AdamW makes of them.
	_, live = builtStep(t, goBackend(t), layers, func(name string) bool { return adapters(name) || strings.HasPrefix(name, "w") })
	if got := weightSized(live); got < 4*layers {
		t.Errorf("trainable weights: %d nodes are as large as a weight, want at least %d", got, 4*layers)
	}
}

// weightSized counts the nodes with as many elements as a weight.
func weightSized(nodes map[*graph.Node]bool) int {
	n := 0
	for node := range nodes {
		if node.NumOutputs() == 1 && node.Shape().Size() >= frozenWidth*frozenWidth {
			n++
		}
	}
	return n
}

// TestFrozenTakeNoMemory: XLA's own account of what a step needs beside its inputs
// does not grow by a weight when four frozen ones are added; it grows by all when
// they are trained.
func TestFrozenTakeNoMemory(t *testing.T) {
	const few, many, weight = 1, 5, 4 * frozenWidth * frozenWidth
	for _, name := range backendNames() {
		if name == "go" {
			continue // has no such account
		}
		b := named(t, name)
		grown := func(trainable func(string) bool) int64 {
			small, _ := builtStep(t, b, few, trainable)
			large, _ := builtStep(t, b, many, trainable)
			return stepMemory(t, large) - stepMemory(t, small)
		}
		if got := grown(func(name string) bool { return strings.HasPrefix(name, "a") }); got >= weight {
			t.Errorf("%s: %d more frozen weights take %d bytes, want less than the %d of one", name, many-few, got, weight)
		}
		if got := grown(func(name string) bool { return name != "z" }); got < (many-few)*weight {
			t.Errorf("%s: %d more trained weights take %d bytes, want at least %d", name, many-few, got, (many-few)*weight)
		}
	}
}

// stepMemory is what XLA says that outputs and temporaries of a program take. The
// fields are go-xla's (compute/xla/executable.go, pjrt/executables.go), and private.
func stepMemory(t testing.TB, g *graph.Graph) int64 {
	t.Helper()
	field := func(v reflect.Value, name string) reflect.Value {
		for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
			v = v.Elem()
		}
		if v = v.FieldByName(name); !v.IsValid() {
			t.Fatalf("go-xla's executable has no field %s any more", name)
		}
		return v
	}
	stats := field(field(reflect.ValueOf(g.Executable()), "exec"), "OnDeviceMemoryUsageStats")
	return field(stats, "Outputs").Int() + field(stats, "Temporary").Int()
}
